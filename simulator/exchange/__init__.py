"""A call and its reply, before they are sent."""
