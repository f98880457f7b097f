"""What an account may do: its slots and submits per second, model by model."""

from __future__ import annotations

from dataclasses import dataclass

from models.account import Account
from reelqueue.catalog import lookup

# What the strictest documented models allow; for models whose limits are not published.
UNKNOWN_MODEL_SLOTS = 2
UNKNOWN_MODEL_SUBMITS_PER_SECOND = 2.0


@dataclass(frozen=True)
class LaneLimits:
    """Limits of one account for one model."""

    slots: int
    """Tasks that the provider renders at a time."""
    submits_per_second: float


def lane_limits(account: Account, model: str) -> LaneLimits:
    """The account's own limits where it has some, else the published ones."""
    spec = lookup(model)
    published = spec.slots if spec else None
    per_second = spec.submits_per_second if spec else None
    return LaneLimits(
        slots=int(account.slot_limits.get(model, published or UNKNOWN_MODEL_SLOTS)),
        submits_per_second=float(per_second or UNKNOWN_MODEL_SUBMITS_PER_SECOND),
    )


def offers(account: Account, model: str) -> bool:
    """Whether an account renders a model."""
    return account.models is None or model in account.models
