"""reelqueue/requests: say here in one sentence what it does."""
