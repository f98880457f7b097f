"""A text request as the exact HTTP request that the service gets."""
