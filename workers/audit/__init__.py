"""workers/audit: say here in one sentence what it does."""
