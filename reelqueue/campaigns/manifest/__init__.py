"""reelqueue/campaigns/manifest: say here in one sentence what it does."""
