"""Delivering webhook events."""
