"""The methods of both clients for text jobs, their steps, and how an answer is followed."""
