"""The `hushpost` command: accounts, contacts and messages from a terminal, and the demo."""
