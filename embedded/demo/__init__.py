"""``demo``: six clips from nothing, and the proof that each was paid for once."""
