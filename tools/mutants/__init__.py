"""Mutation testing of the wire and the cryptography."""
