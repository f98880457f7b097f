"""reelqueue/media: say here in one sentence what it does."""
