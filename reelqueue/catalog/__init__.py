"""What every video model of DashScope takes: one file per family, as data.

>>> lookup("wan2.6-t2v").durations.seconds[-1]
15
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from reelqueue.catalog import happyhorse, wan21, wan22, wan26, wan27, wan30
from reelqueue.catalog.custom import assume, mode_by_id
from reelqueue.catalog.spec import Mode, ModelSpec, Protocol, Sound, Tier

__all__ = ["MODELS", "Mode", "ModelSpec", "Protocol", "Sound", "Tier", "assume", "lookup", "mode_by_id"]

MODELS: Final[Mapping[str, ModelSpec]] = MappingProxyType(
    {spec.id: spec for family in (wan21, wan22, wan26, wan27, wan30, happyhorse) for spec in family.MODELS}
)
"""Every published model by its id."""


def lookup(model_id: str) -> ModelSpec | None:
    """The published facts about *model_id*; None for an id that is in no table."""
    return MODELS.get(model_id)
