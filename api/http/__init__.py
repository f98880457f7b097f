"""api/http: say here in one sentence what it does."""
