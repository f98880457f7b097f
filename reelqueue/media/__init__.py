"""Images as data: embedding them, and reading type and size from their headers."""
