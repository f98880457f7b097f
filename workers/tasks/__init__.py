"""Celery tasks: each parses its arguments, calls one plain function and returns what people read."""
