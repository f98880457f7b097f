"""Storing a campaign file in one transaction."""
