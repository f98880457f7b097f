"""models/operations/campaign_import: say here in one sentence what it does."""
