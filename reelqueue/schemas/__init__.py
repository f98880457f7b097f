"""JSON shapes that server, clients and archive share."""
