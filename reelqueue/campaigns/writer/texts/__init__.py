"""How the writer asks a language model, and pays for each answer once."""
