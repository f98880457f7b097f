"""What the steps need: sessions, clock, provider, archive and hints, as one value.

The steps (dispatch, submission, polling, archive, sweep) are plain functions over it and know
nothing of Celery; a test hands them its own clock, transport or hints.
"""

from __future__ import annotations

import asyncio
import functools
import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from pydantic import SecretStr
from sqlalchemy.orm import Session, sessionmaker

from models.account import Account
from models.operations.scheduling.poll_intervals import Pacing
from models.operations.scheduling.provider_rate_limits import take_turns
from models.rate_limit import TurnKind
from models.session import Clock, DatabaseClock
from models.storage import Archive
from reelqueue.builder import KEY_VARIABLES, PLAN_KEY, WORKSPACE_HEADER
from reelqueue.errors import ConfigurationError
from reelqueue.qwen.settings import QwenSettings, TextTimeLimits
from workers.dashscope import ClockComparison, DashScope
from workers.dashscope.client import Endpoint, Listener
from workers.runtime.hints import Hints
from workers.runtime.host_clock import HostClock
from workers.runtime.known_clocks import KnownClocks
from workers.runtime.submit_journal import SubmitJournal
from workers.settings import Settings
from workers.timings import check_host

TEXT_PATH: Final = "/compatible-mode/v1"
"""Of the language models, at the host of the videos."""


@dataclass(frozen=True)
class Context:
    """The outside world of one worker process."""

    settings: Settings
    sessions: sessionmaker[Session]
    archive: Archive
    hints: Hints
    clock: Clock = field(default_factory=DatabaseClock)
    host: HostClock = field(default_factory=HostClock)
    pacing: Pacing = field(default_factory=Pacing)
    """Poll intervals of clips that have none of their own."""
    clocks: KnownClocks = field(default_factory=KnownClocks)
    """The providers' clocks, as this process knows them."""
    journal: SubmitJournal = field(default_factory=SubmitJournal)
    """The submits, outside the database."""
    listener: Listener | None = None
    """Is shown the provider's answers, as they came."""
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ, repr=False)
    """Where accounts' keys are, by variable name."""

    def provider(self, account: Account, *, base_url: str | None = None, is_paced: bool = True) -> DashScope:
        """A client for an account, to be entered.

        Args:
            account: Whose key and headers.
            base_url: The host that a task's submit went to; the account's own, if None.
            is_paced: Whether each query, list and cancel waits for its turn; False where the caller has taken turns.

        Raises:
            ConfigurationError: The account's key is not in the environment, or a test has replaced timings and the host
                is a real one.
        """
        check_host(base_url or account.base_url)
        # A task of a workspace is asked for, and listed, there.
        headers = {name: value for name, value in account.headers.items() if name.lower() == WORKSPACE_HEADER.lower()}
        endpoint = Endpoint(base_url or account.base_url, self.key_of(account), headers)
        transport = self.settings.provider.http_transport
        clock = ClockComparison(self.host.seconds) if is_paced else None
        return DashScope(
            endpoint,
            transport=transport() if transport else None,
            pace=functools.partial(self._wait_for_turn, account.id, clock) if clock else None,
            clock=clock,
            listener=self.listener,
        )

    def text_settings(self, account: Account) -> QwenSettings:
        """Where and how an account's language models are asked.

        Raises:
            ConfigurationError: The account's key is not in the environment, or a test has replaced timings and the host
                is a real one.
        """
        base_url = text_base_url(account)
        check_host(base_url)
        rules = self.settings.text
        limits = TextTimeLimits(idle=rules.idle_seconds, total=rules.total_seconds)
        return QwenSettings(
            base_url=base_url,
            api_key=self.key_of(account),
            headers=account.headers,
            transport=rules.http_transport() if rules.http_transport else None,
            limits=limits,
        )

    async def _wait_for_turn(self, account_id: UUID, clock: ClockComparison, kind: TurnKind) -> None:
        per_second = self.settings.provider.query_rate_per_second
        with self.sessions.begin() as session:
            since = self.host.seconds()
            now = self.clock.now(session)
            clock.database_said(now, since=since)
            at = take_turns(session, account_id, kind, 1, now=now, per_second=per_second)
        await asyncio.sleep(max((at - now).total_seconds(), 0))

    def key_of(self, account: Account) -> SecretStr:
        """The account's key.

        Raises:
            ConfigurationError: It is not in the environment, or no key can look like it.
        """
        key = self.environment.get(account.key_env, "").strip()
        if not key:
            raise ConfigurationError(
                f"account {account.name}: no API key; set {account.key_env} for the workers and restart them"
            )
        if not (key.isascii() and key.isprintable() and " " not in key):
            # httpx would refuse it as a header, and quote it.
            raise ConfigurationError(
                f"account {account.name}: {account.key_env} holds a space, a line break or a character that no API "
                "key has; set it to the key alone and restart the workers"
            )
        if key.startswith(PLAN_KEY):
            raise ConfigurationError(
                f"account {account.name}: {account.key_env} holds a plan key ({PLAN_KEY}...), and the provider's terms "
                "forbid automation with one and suspend who does it; set a pay-as-you-go key (sk-...)"
            )
        return SecretStr(key)

    def key_fingerprint(self, account: Account) -> str:
        """A hash of the account's key, to compare with the key that an attempt was sent with.

        Raises:
            ConfigurationError: It is not in the environment, or no key can look like it.
        """
        key = self.key_of(account).get_secret_value()
        return hashlib.sha256(key.encode()).hexdigest()[:16]

    def default_key_variable(self) -> str:
        """The variable that the default account's key is in, or would be looked for first."""
        return next((name for name in KEY_VARIABLES if self.environment.get(name, "").strip()), KEY_VARIABLES[0])


def text_base_url(account: Account) -> str:
    """Where an account's language models are asked."""
    return account.text_base_url or f"{account.base_url.rstrip('/')}{TEXT_PATH}"
