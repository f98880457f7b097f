"""Breaking a real stack on purpose, one case of a catalogue after the other, and judging it by the provider's bill."""
