"""Asks the real service what its documentation leaves open, free questions first, for at most a set amount."""
