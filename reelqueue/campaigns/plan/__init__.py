"""What a campaign file would do: checks, cost, differences from the server, completion time."""
