"""workers/sweep: say here in one sentence what it does."""
