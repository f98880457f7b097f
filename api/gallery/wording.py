"""States, amounts and times in the words of people who look at clips."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

from api.gallery.tiles import STATE_WORDS, Money
from reelqueue.states import RenderState

_CENT: Final = Decimal("0.01")


def sentence(words: str) -> str:
    """A remark of the server's as a sentence."""
    return f"{words[:1].upper()}{words[1:]}."


def state_words(state: RenderState) -> str:
    """A state as people read it."""
    return STATE_WORDS[state].capitalize()


def money_words(money: Money) -> str:
    """An amount as people read it."""
    amount = money.amount.normalize()
    # Prices per second have more digits than cents, and a sum of them may need each.
    return f"{amount.quantize(_CENT) if amount == amount.quantize(_CENT) else amount:,f} {money.currency}"


def day_and_time(at: datetime) -> str:
    """A time as people read it, in UTC."""
    at = at.astimezone(UTC)
    return f"{at.day} {at:%B %Y, %H:%M} UTC"
