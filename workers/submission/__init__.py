"""The paid POST, and what becomes of the claim."""
