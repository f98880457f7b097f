"""The commands that write campaign files with a language model."""
