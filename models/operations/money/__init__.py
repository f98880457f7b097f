"""Slots with their reservations, ledger, budgets, statements."""
