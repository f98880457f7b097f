"""api/auth: say here in one sentence what it does."""
