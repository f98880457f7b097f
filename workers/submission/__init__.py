"""workers/submission: say here in one sentence what it does."""
