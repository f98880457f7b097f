"""api/spending: say here in one sentence what it does."""
