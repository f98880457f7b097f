"""Clients of the language models, one blocking and one for asyncio."""
