"""One run of the probe: where it asks, what it has heard, and what it has found out."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

from models.account import Account
from models.rate_limit import TurnKind
from workers.dashscope import DashScope, ProviderError
from workers.dashscope.answer_check import RawAnswer
from workers.dashscope.client import Exchange
from workers.probe.questions import Finding, named
from workers.runtime.context import Context


@dataclass(frozen=True)
class Heard:
    """An exchange, and when its answer had come, in seconds of this host."""

    exchange: Exchange
    at_seconds: float


@dataclass(frozen=True)
class Seen:
    """An answer, read as leniently as it can be."""

    status: int
    headers: Mapping[str, str]
    document: Mapping[str, Any]
    """Empty where the answer is no JSON object."""

    @classmethod
    def of(cls, answer: RawAnswer) -> Self:
        """Read an answer."""
        try:
            document = json.loads(answer.content)
        except (ValueError, RecursionError):
            document = {}
        return cls(answer.status, answer.headers, document if isinstance(document, dict) else {})

    @property
    def output(self) -> Mapping[str, Any]:
        """The object ``output``, empty where there is none."""
        return as_object(self.document.get("output"))

    @property
    def code(self) -> object:
        """The error code of either envelope."""
        return self.document.get("code") or as_object(self.document.get("error")).get("code")


@dataclass
class Lab:
    """What the questions share."""

    context: Context
    account: Account
    findings: dict[str, Finding] = field(default_factory=dict)
    heard: list[Heard] = field(default_factory=list)
    say: Callable[[str], None] = print
    """For people, while they wait."""

    @classmethod
    def open(cls, context: Context, account: Account, say: Callable[[str], None]) -> Self:
        """A lab that hears every answer."""
        lab = cls(context, account, say=say)
        lab.context = replace(context, listener=lab._hear)
        return lab

    def _hear(self, exchange: Exchange) -> None:
        self.heard.append(Heard(exchange, self.context.host.seconds()))

    def find(self, question_id: str, answer: str, value: Any = None) -> None:  # noqa: ANN401 - goes into JSON
        """Note an answer."""
        self.findings[question_id] = Finding(answer, value)

    def miss(self, reason: str, *question_ids: str) -> None:
        """Note why questions were not answered; an answer that is there stays."""
        for question_id in question_ids:
            self.findings.setdefault(question_id, Finding(None, reason=reason))

    def look(self, path: str, *, is_list: bool = False, key: str | None = None) -> Seen:
        """Ask by GET.

        Args:
            path: With its query.
            is_list: Whether the provider counts it among the lists.
            key: In place of the account's.

        Raises:
            ProviderError: Nothing was answered.
        """
        environment = self.context.environment if key is None else {self.account.key_env: key}
        context = replace(self.context, environment=environment)
        kind = TurnKind.LIST if is_list else TurnKind.QUERY

        async def ask() -> Seen:
            async with context.provider(self.account) as provider:
                return Seen.of(await provider.look(path, kind))

        return self.context.host.run(ask())

    def cancel(self, provider_task_id: str) -> Seen:
        """Ask for a task to be stopped.

        Raises:
            ProviderError: Nothing was answered.
        """
        before = len(self.heard)

        async def ask() -> None:
            async with self.context.provider(self.account) as provider:
                await _cancel(provider, provider_task_id)

        self.context.host.run(ask())
        return Seen.of(self.heard[before].exchange.answer)


async def _cancel(provider: DashScope, provider_task_id: str) -> None:
    try:
        await provider.cancel(provider_task_id)
    except ProviderError as error:
        if error.http_status is None:
            raise


def as_object(value: object) -> Mapping[str, Any]:
    """An object of JSON; empty for anything else."""
    return value if isinstance(value, dict) else {}


def rows_of(value: object) -> list[Mapping[str, Any]]:
    """The objects of a list of JSON."""
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []


def said(seen: Seen) -> str:
    """A status, and the code of an error."""
    return str(seen.status) if seen.status < 300 else f"{seen.status} {named(seen.code)}"
