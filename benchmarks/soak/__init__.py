"""The soak: weeks of ordinary life in minutes, and whether anything grows that should not."""
