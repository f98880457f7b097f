"""workers/polling: say here in one sentence what it does."""
