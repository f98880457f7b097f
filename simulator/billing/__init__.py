"""The provider's bill: rows from the ledger, planted errors, and who may read it."""
