"""Re-issuing whatever is overdue."""
