"""The product's services, started in order and kept alive."""
