"""How a statement groups what was paid."""

from __future__ import annotations

from enum import StrEnum


class Grouping(StrEnum):
    """What the lines of a statement are about."""

    DAY = "day"
    """Days of UTC: of the payment, and for what is reserved, of the admission."""
    CAMPAIGN = "campaign"
    MODEL = "model"
    ACCOUNT = "account"
    """The provider account that was billed."""
