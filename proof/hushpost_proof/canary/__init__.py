"""The canary scan: unmistakable people use hushpost, and are hunted everywhere they must not be."""
