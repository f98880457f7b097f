"""Text jobs: what a producer sends, and what the server and the clients make of it."""
