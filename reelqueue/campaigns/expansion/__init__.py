"""Rows and a matrix become checked clips."""
