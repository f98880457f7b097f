"""Request bodies, pagination, file responses, OpenAPI."""
