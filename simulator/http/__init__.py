"""The wire: HTTP as DashScope speaks it."""
