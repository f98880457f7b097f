"""Reading rows: CSV and JSON Lines."""
