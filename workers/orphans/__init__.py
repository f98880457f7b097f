"""Tasks that the provider bills and that no job here asked for: found, adopted, settled."""
