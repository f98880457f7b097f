"""api/views: say here in one sentence what it does."""
