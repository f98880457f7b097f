"""One render request: types, fields, and validation against the catalog."""
