"""Scripted misbehaviour: what the service might do to a client, on request."""
