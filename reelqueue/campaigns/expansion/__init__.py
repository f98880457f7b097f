"""reelqueue/campaigns/expansion: say here in one sentence what it does."""
