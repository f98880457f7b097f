"""Text jobs: claiming the next, asking once, and what becomes of it."""
