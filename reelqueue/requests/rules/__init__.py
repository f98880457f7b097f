"""What a model accepts: its options, its media and embedded pictures."""
