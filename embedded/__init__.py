"""Postgres, Valkey and the whole stack as child processes, for a machine with nothing installed.

Nothing else imports this package: with ``REELQUEUE_DATABASE_URL`` and ``REELQUEUE_BROKER_URL`` pointing at
services that run elsewhere, every other part works without it.
"""
