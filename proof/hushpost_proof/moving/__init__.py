"""Moving a relay from SQLite into Redis, killed on the way (docs/spec/store.md, "Moving")."""
