"""simulator/core: say here in one sentence what it does."""
