"""Following provider tasks: ask, decide, write, settle."""
