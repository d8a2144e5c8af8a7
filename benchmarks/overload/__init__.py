"""Overload: floods of every kind, and whether those who are known are still served."""
