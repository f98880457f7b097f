"""workers/dispatch: say here in one sentence what it does."""
