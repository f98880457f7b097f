"""embedded/processes: say here in one sentence what it does."""
