"""Batches of text jobs: gathered, made once at the provider, followed, and read line by line."""
