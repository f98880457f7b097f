"""api/routes/campaigns: say here in one sentence what it does."""
