"""Suggest catalog models for a mistyped model id."""

from __future__ import annotations

from difflib import get_close_matches
from functools import lru_cache

from reelqueue.catalog import MODELS


@lru_cache(maxsize=256)
def near_models(model_id: str) -> str:
    """A closing half sentence that names near ids; empty where there are none."""
    near = get_close_matches(model_id.strip().lower(), MODELS, n=2, cutoff=0.8)
    return f"; did you mean {' or '.join(near)}?" if near else ""
