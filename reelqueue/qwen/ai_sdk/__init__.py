"""Requests as the AI SDK spells them, so that both can be held against each other."""
