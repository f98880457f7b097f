"""workers/archive: say here in one sentence what it does."""
