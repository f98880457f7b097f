"""reelqueue/schemas: say here in one sentence what it does."""
