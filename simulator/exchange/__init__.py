"""simulator/exchange: say here in one sentence what it does."""
