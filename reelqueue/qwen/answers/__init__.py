"""What the service answers: text, thoughts, tool calls, usage, and the ways in which it fails."""
