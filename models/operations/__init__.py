"""models/operations: say here in one sentence what it does."""
