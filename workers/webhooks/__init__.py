"""workers/webhooks: say here in one sentence what it does."""
