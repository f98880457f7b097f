"""What the API and the workers do with the rows: each function takes a session and never commits."""
