"""The embeddable hushpost client."""
