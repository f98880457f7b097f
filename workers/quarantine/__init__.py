"""Jobs that kill workers (poison messages)."""
