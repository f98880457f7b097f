"""JSON schemas of the answers, with every choice of the offer as an enumeration."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from reelqueue.campaigns.writer.inputs import Medium
from reelqueue.campaigns.writer.offer import Offer
from reelqueue.campaigns.writer.products import Products
from reelqueue.campaigns.writer.storyboard import NOTHING, PREVIOUS, PRODUCT_PICTURE, WORDS

STORYBOARD: Final = "storyboard"
PROMPT: Final = "prompt"
REWRITE: Final = "rewrite"

_TEXT: Final = {"type": "string"}


def storyboard_schema(offer: Offer, media: Mapping[str, Medium], products: Products | None) -> dict[str, Any]:
    """Of the answer to the first pass, and to a corrected clip of it."""
    clip = _object(
        {
            "model": _one_of(model.id for model in offer.models),
            "seconds": {"type": "integer", "enum": list(offer.seconds)},
            "ratio": _one_of(offer.ratios),
            "start": _one_of(starts(media, products)),
            "references": _list(_one_of(media) if media else _TEXT),
            **dict.fromkeys(WORDS, _TEXT),
        }
    )
    return _object({"clips": _list(clip), "assumptions": _list(_TEXT)})


def starts(media: Mapping[str, Medium], products: Products | None) -> list[str]:
    """What a clip may begin with."""
    if products is not None:
        return [PRODUCT_PICTURE] if products.has_image else [NOTHING]
    return [NOTHING, PREVIOUS, *(medium.name for medium in media.values() if not medium.is_video)]


def prompt_schema() -> dict[str, Any]:
    """Of the answer to the second pass."""
    texts = dict.fromkeys(("subject", "setting", "action", "camera", "look", "sound"), _TEXT)
    shot = _object({"seconds": {"type": "integer"}, "text": _TEXT})
    return _object({**texts, "shots": _list(shot), "avoid": _list(_TEXT)})


def rewrite_schema() -> dict[str, Any]:
    """Of a rewritten prompt."""
    return _object({"prompt": _TEXT, "why": _TEXT})


def _object(properties: Mapping[str, Any]) -> dict[str, Any]:
    # All required and nothing else: what the strict mode of the models that have one demands.
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(properties),
        "additionalProperties": False,
    }


def _list(items: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": dict(items)}


def _one_of(words: Iterable[str]) -> dict[str, Any]:
    return {"type": "string", "enum": list(words)}
