"""workers/reconciliation: say here in one sentence what it does."""
