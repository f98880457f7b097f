"""A database that went back in time, compared with the provider's task list before anything is submitted from it."""
