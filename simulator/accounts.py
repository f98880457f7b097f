"""Whose key it is."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Final

from simulator.clock import Clock
from simulator.config import SimulatorConfig
from simulator.errors import WireError

TOKEN_PREFIX: Final = "st-"  # noqa: S105 - how short-lived keys begin


class Accounts:
    """Keys and the main accounts that they belong to.

    Args:
        account_by_key: The keys that work. When empty, every key works and has an account of its own.
        clock: Tells when a short-lived key is over.

    Keys are never stored or logged; an account made from a key is named after the key's digest.
    """

    def __init__(self, account_by_key: Mapping[str, str], clock: Clock) -> None:
        self._account_by_key = dict(account_by_key)
        self._clock = clock
        self._tokens: dict[str, tuple[str, int]] = {}

    def owner(self, authorization: str, config: SimulatorConfig) -> str:
        """The account behind an ``Authorization`` header.

        Raises:
            WireError: No key, or one that does not work.
        """
        scheme, _, key = authorization.partition(" ")
        key = key.strip()
        if scheme.lower() != "bearer" or not key:
            raise WireError(401, "InvalidApiKey", "No API-key provided.")
        account = self._account(key)
        if account is None or account in config.revoked_accounts or "*" in config.revoked_accounts:
            raise WireError(401, "InvalidApiKey", "Invalid API-key provided.")
        return account

    def lend(self, account: str, token: str, expires_ms: int) -> None:
        """Make *token* a key of *account* until *expires_ms*."""
        self._tokens[token] = (account, expires_ms)

    def _account(self, key: str) -> str | None:
        if key.startswith(TOKEN_PREFIX):
            account, expires_ms = self._tokens.get(key, (None, 0))
            return account if self._clock.now_ms() < expires_ms else None
        if self._account_by_key:
            return self._account_by_key.get(key)
        return account_name(key)


def account_name(key: str) -> str:
    """The name of the account that a key has for itself."""
    return "account-" + hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:12]
