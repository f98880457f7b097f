"""The methods of both clients for webhook endpoints, and their steps."""
