"""Ids of clips, made the same way each time, so that a file applied twice means the same clips."""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Final

from reelqueue.requests.fields import CUSTOM_ID_CHARACTERS_MAX
from reelqueue.requests.signed_urls import without_signature, without_signatures

_SEED_MAX: Final = 2**31 - 1
_SLUG_CHARACTERS_MAX: Final = 40
_RATIO: Final = re.compile(r"(?<=[0-9]):(?=[0-9])")
_OTHER: Final = re.compile(r"[^\w.+]+")


def slug(value: object) -> str:
    """A value of a matrix as a part of an id: ``16:9`` is ``16x9``, ``Film noir`` is ``film-noir``.

    An object goes by its ``id``, else by its ``name``, else by a hash of all of it.
    """
    if isinstance(value, Mapping):
        named = value.get("id", value.get("name"))
        return slug(named) if isinstance(named, (str, int)) else _digest(value)[:8]
    if isinstance(value, (list, tuple)):
        return _digest(value)[:8]
    text = unicodedata.normalize("NFKC", without_signature(str(value))).lower()
    words = _OTHER.sub("-", _RATIO.sub("x", text)).strip("-.")
    return words if words and len(words) <= _SLUG_CHARACTERS_MAX else f"{words[:31]}{_digest(value)[:8]}"


def derived_id(values: Mapping[str, object]) -> str:
    """The id of a row that has none: of its own values, so that rows may be moved and others changed."""
    return f"row-{_digest(values)[:12]}"


def clip_id(row_id: str, slugs: Iterable[str], variant: int) -> str:
    """The id of one clip of a row.

    The first variant has the row's own id: raising the number of variants later adds only the new ones.
    """
    joined = "-".join(part for part in (row_id, *slugs) if part)
    told = joined if variant == 1 else f"{joined}.{variant}"
    if len(told) <= CUSTOM_ID_CHARACTERS_MAX:
        return told
    digest = _digest(told)[:12]
    return f"{told[: CUSTOM_ID_CHARACTERS_MAX - 13]}-{digest}"


def variant_seed(row_id: str, seed: int | None, variant: int) -> int | None:
    """The seed of one variant: the row's own for the first, counted up from it, or drawn from the id."""
    if variant == 1:
        return seed
    if seed is not None:
        return (seed + variant - 1) % (_SEED_MAX + 1) if seed >= 0 else None
    return int(_digest([row_id, variant])[:8], 16) & _SEED_MAX


def _digest(value: object) -> str:
    # Of a file, and not of the signature by which it may be read today.
    canonical = json.dumps(without_signatures(value), sort_keys=True, default=str, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()
