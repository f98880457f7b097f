"""Webhook endpoints, and events queued for them."""
