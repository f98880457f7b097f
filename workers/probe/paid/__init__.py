"""Questions that renders answer, and the renders."""
