"""What an action would cost, and the caller's consent to it."""
