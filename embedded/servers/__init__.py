"""embedded/servers: say here in one sentence what it does."""
