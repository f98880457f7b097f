"""workers/operator: say here in one sentence what it does."""
