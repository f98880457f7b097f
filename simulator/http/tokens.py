"""``POST /tokens``: a short-lived key for untrusted callers."""

from __future__ import annotations

import secrets
from typing import Final

from simulator.accounts import TOKEN_PREFIX
from simulator.errors import WireError
from simulator.exchange.call import Call
from simulator.exchange.dependencies import Service
from simulator.exchange.reply import Reply

_DEFAULT_SECONDS: Final = 60
_SECONDS_MAX: Final = 1800


def tokens(service: Service, call: Call) -> Reply:
    """A key of the same account for 1 to 1800 s. Source: Model Studio, temporary API keys, 2026-10."""
    text = call.query("expire_in_seconds") or str(_DEFAULT_SECONDS)
    if not text.isdecimal() or not 1 <= int(text[:9]) <= _SECONDS_MAX:
        raise WireError(400, "InvalidParameter", f"expire_in_seconds must be between 1 and {_SECONDS_MAX}.")
    token = TOKEN_PREFIX + secrets.token_urlsafe(32)
    expires_at = service.provider.clock.now_ms() // 1000 + int(text)
    service.accounts.lend(call.account, token, expires_at * 1000)
    return Reply(200, {"token": token, "expires_at": expires_at})
