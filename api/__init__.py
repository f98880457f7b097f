"""The HTTP door for producers: validate, insert, commit, hint."""
