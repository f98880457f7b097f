"""models/operations/scheduling: say here in one sentence what it does."""
