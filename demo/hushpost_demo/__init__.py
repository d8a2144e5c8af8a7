"""The `hushpost` command: demo, chat and scripts."""
