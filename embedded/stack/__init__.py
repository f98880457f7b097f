"""embedded/stack: say here in one sentence what it does."""
