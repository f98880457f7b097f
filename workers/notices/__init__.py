"""Finding what happened to campaigns and to the server, and reporting each occurrence once."""
