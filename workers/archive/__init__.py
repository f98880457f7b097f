"""Fetching results before their URLs expire."""
