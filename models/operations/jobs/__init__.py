"""models/operations/jobs: say here in one sentence what it does."""
