"""What the writer's tests have in common: an offer of a few models, and clips that keep every rule."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from reelqueue.campaigns.writer.checks import Sources, make_sources
from reelqueue.campaigns.writer.compose import PromptParts
from reelqueue.campaigns.writer.inputs import Brand, Brief, Medium
from reelqueue.campaigns.writer.offer import make_offer, read_wish
from reelqueue.campaigns.writer.products import Products
from reelqueue.campaigns.writer.storyboard import StoryClip

REGION = "ap-southeast-1"
FOX = Medium("fox", "https://media.example/fox.png")
HARBOUR = Medium("harbour", "https://media.example/harbour.png")
BRIEF = Brief("A fox of 7 years at the harbour.", (FOX, HARBOUR))
MODELS = ("wan2.7-t2v", "wan2.7-i2v", "wan2.7-r2v", "wan2.6-i2v", "wan2.6-r2v", "wan2.2-t2v-plus")

MakeSources = Callable[..., Sources]


def make_clip(number: int = 1, **changes: object) -> StoryClip:
    """A clip of the storyboard that keeps every rule."""
    facts: dict[str, Any] = {
        "model": "wan2.7-t2v",
        "seconds": 5,
        "ratio": "16:9",
        "start": "nothing",
        "references": (),
        "intent": "hook",
        "subject": f"a boat called {'abcdefgh'[number]}{'abcdefgh'[number]}",
        "setting": f"on a river near {['Ulm', 'Kiel', 'Bonn', 'Trier'][number % 4]}",
        "action": ["drifts along slowly", "turns and sinks", "opens its sail", "waits for wind"][number % 4],
        "camera": ["dolly forward", "fixed frame", "crane upwards", "orbit left"][number % 4],
        "light": "evening",
        "sound": "water",
        "dialogue": "",
        "voice": "",
        "continuity": "",
    }
    return StoryClip.model_validate({"id": f"{number:02}", **facts, **changes})


def make_parts(**changes: object) -> PromptParts:
    """Parts of a prompt that keep every rule."""
    facts: dict[str, Any] = {
        "subject": "A paper boat",
        "setting": "on a river",
        "action": "It drifts along",
        "camera": "Slow dolly forward",
        "look": "Evening light",
        "sound": "Soft water over stones",
        "shots": (),
        "avoid": ("blur",),
    }
    return PromptParts.model_validate({**facts, **changes})


@pytest.fixture
def sources() -> MakeSources:
    """Sources of a brief with two pictures, with whatever a test wishes for."""

    def make(
        *,
        models: tuple[str, ...] = MODELS,
        brand: Brand | None = None,
        products: Products | None = None,
        brief: Brief = BRIEF,
        language: str | None = None,
        **wish: object,
    ) -> Sources:
        offer = make_offer(read_wish(models=models, **wish), brief, products, REGION)
        return make_sources(offer, brief, brand or Brand(), products, language)

    return make
