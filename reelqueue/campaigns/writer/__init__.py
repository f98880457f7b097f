"""Write a campaign file from a brief: facts come from the catalog and the tables, words from a language model.

A storyboard comes first, for a person to read and correct; then the prompts, put together by code. Everything that a
model answers passes the checks that a stranger's file must pass, and nothing here applies a campaign.
"""

from __future__ import annotations
