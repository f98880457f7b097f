"""Endpoints below /v1/campaigns."""
