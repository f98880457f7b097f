"""models/operations/money: say here in one sentence what it does."""
