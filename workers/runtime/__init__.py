"""workers/runtime: say here in one sentence what it does."""
