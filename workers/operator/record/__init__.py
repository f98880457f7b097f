"""What the record says to operators: why a job waits, and what needs them."""
