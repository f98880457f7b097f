"""The commands of `python -m workers` for operators."""
