"""Our records compared with the provider's task list."""
