"""The methods of both clients for campaigns, and their steps."""
