"""Reading rows: CSV and JSON."""
