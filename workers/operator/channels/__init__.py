"""Notification channels: the operators' commands, and the doctor's checks."""
