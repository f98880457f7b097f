"""workers/quarantine: say here in one sentence what it does."""
