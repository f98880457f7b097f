"""The catalog's facts about a model, as the simulator needs them."""

from __future__ import annotations

from typing import Final

from reelqueue.catalog import ModelSpec, assume, lookup
from simulator.config import Limits, SimulatorConfig

_UNPUBLISHED_SLOTS: Final = 5
_UNPUBLISHED_SUBMITS_PER_SECOND: Final = 5
"""For Wan 3.0, whose limits no page states: what its predecessor has."""


def find_model(model_id: object, config: SimulatorConfig) -> ModelSpec | None:
    """A published model, or one that the configuration adds; ``None`` when the service would not know it."""
    if not isinstance(model_id, str) or model_id in config.model_list.gone:
        return None
    return lookup(model_id) or (assume(model_id) if model_id in config.extra_models else None)


def path_group(model: ModelSpec) -> str:
    """``video-generation`` or ``image2video``: which of the two submit paths the model lives under."""
    return model.path.split("/")[-2]


def slots_of(model_id: str, limits: Limits) -> int:
    """Concurrent tasks of a model."""
    model = lookup(model_id)
    documented = model.slots if model and model.slots else _UNPUBLISHED_SLOTS
    return limits.slots_by_model.get(model_id, limits.slots or documented)


def submits_per_second_of(model_id: str, limits: Limits) -> int:
    """Submits of a model in one second."""
    model = lookup(model_id)
    documented = model.submits_per_second if model and model.submits_per_second else _UNPUBLISHED_SUBMITS_PER_SECOND
    return limits.submits_per_second or documented
