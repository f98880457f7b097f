"""The provider's own bill beside the ledger: read, add up, and explain each difference by a rule."""
