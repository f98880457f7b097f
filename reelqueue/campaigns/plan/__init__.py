"""reelqueue/campaigns/plan: say here in one sentence what it does."""
