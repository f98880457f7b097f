"""Requests and tokens per minute of an account's language models: an operator's, or the published ones."""

from __future__ import annotations

from models.account import Account
from reelqueue.catalog.text_limits import TextLimits, text_limits

_REQUESTS = "requests_per_minute"
_TOKENS = "tokens_per_minute"


def rate_of(account: Account, model: str) -> TextLimits:
    """What an account may use of a model in a minute."""
    own = account.text_rates.get(model)
    return text_limits(model) if own is None else TextLimits(own[_REQUESTS], own[_TOKENS])


def set_rate(account: Account, model: str, rate: TextLimits | None) -> None:
    """Set what an account may use of a model in a minute.

    Args:
        account: Whose row the caller holds.
        model: The model id.
        rate: Its rate; None: the published one again.
    """
    others = {name: own for name, own in (account.text_rates or {}).items() if name != model}
    own = {} if rate is None else {model: {_REQUESTS: rate.requests_per_minute, _TOKENS: rate.tokens_per_minute}}
    account.text_rates = others | own
