"""reelqueue/campaigns/report: say here in one sentence what it does."""
