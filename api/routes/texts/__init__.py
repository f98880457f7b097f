"""Endpoints on text jobs."""
