"""What the relay keeps: the store interface and its implementations."""
