"""Postgres and Valkey from wheels or the system."""
