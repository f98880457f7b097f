"""The control plane under ``/__sim__/``: what a test may set and see."""
