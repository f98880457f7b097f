"""Batches: hundreds of questions in one file, answered within a day or two at half the price."""
