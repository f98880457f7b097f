"""Invariants of the database, and our ledger compared with the provider's."""
