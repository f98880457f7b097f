"""Questions that cost nothing."""
