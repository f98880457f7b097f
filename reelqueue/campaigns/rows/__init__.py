"""reelqueue/campaigns/rows: say here in one sentence what it does."""
