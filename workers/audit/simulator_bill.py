"""Reads the simulator's ledger; no other provider shows one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final
from urllib.parse import urlsplit

import httpx

from workers.dashscope.wire import UnreadableError, parse_object

_SECONDS: Final = 15.0

Transport = Callable[[], httpx.AsyncBaseTransport]


@dataclass(frozen=True)
class Charge:
    """What one succeeded task cost at the simulator."""

    provider_task_id: str
    account: str
    """The simulator's name for the main account."""
    seconds: Decimal
    amount: Decimal | None
    currency: str | None
    settled_at: datetime


@dataclass(frozen=True)
class Bill:
    """The simulator's ledger."""

    charges: tuple[Charge, ...]
    time_scale: float
    """How much faster than the provider's its time goes: its tasks vanish that much sooner."""


@dataclass(frozen=True)
class TextLine:
    """What one call to a language model cost at the simulator."""

    request_id: str
    question: tuple[str, str]
    """Model, and a digest of the messages."""
    prompt_tokens: int
    completion_tokens: int
    amount: Decimal | None
    currency: str | None
    custom_id: str | None
    """Of the line of a batch; None: it is a call of its own."""


async def read_text_bill(base_url: str, transport: Transport | None) -> tuple[TextLine, ...] | None:
    """The simulator's ledger of language models; None where the host is no simulator.

    Args:
        base_url: Scheme and host.
        transport: Makes the transport, where one is set.
    """
    if urlsplit(base_url).scheme != "http":
        return None
    async with httpx.AsyncClient(
        base_url=base_url, transport=transport() if transport else None, trust_env=False, timeout=_SECONDS
    ) as client:
        ledger = await _get(client, "/__sim__/texts")
    return None if ledger is None else text_lines(ledger)


def text_lines(ledger: dict[str, Any]) -> tuple[TextLine, ...]:
    """The lines of the simulator's text ledger, as its control plane shows it.

    Raises:
        UnreadableError: It is no such ledger.
    """
    return tuple(_text_line(row) for row in ledger.get("entries", []))


async def read_bill(base_url: str, transport: Transport | None) -> Bill | None:
    """The simulator's ledger; None where the host is no simulator.

    Only a host without TLS is asked: the provider itself has it always.

    Args:
        base_url: Scheme and host of the provider.
        transport: Makes the transport, where one is set.
    """
    if urlsplit(base_url).scheme != "http":
        return None
    async with httpx.AsyncClient(
        base_url=base_url, transport=transport() if transport else None, trust_env=False, timeout=_SECONDS
    ) as client:
        health = await _get(client, "/__sim__/health")
        ledger = await _get(client, "/__sim__/ledger")
    if health is None or ledger is None:
        return None
    return Bill(tuple(_charge(row) for row in ledger.get("entries", [])), float(health.get("time_scale", 1)))


async def _get(client: httpx.AsyncClient, path: str) -> dict[str, Any] | None:
    try:
        answer = await client.get(path)
        return parse_object(answer.content) if answer.is_success else None
    except (httpx.HTTPError, UnreadableError):
        return None


def _charge(row: dict[str, Any]) -> Charge:
    try:
        return Charge(
            provider_task_id=str(row["task_id"]),
            account=str(row["account"]),
            seconds=Decimal(str(row["billed_seconds"])),
            amount=None if row["amount"] is None else Decimal(str(row["amount"])),
            currency=row["currency"],
            settled_at=datetime.fromtimestamp(row["settled_ms"] / 1000, UTC),
        )
    except (KeyError, TypeError, InvalidOperation) as error:
        raise UnreadableError(f"no charge of the simulator's ledger: {error!r}") from error


def _text_line(row: dict[str, Any]) -> TextLine:
    try:
        return TextLine(
            request_id=str(row["request_id"]),
            question=(str(row["model"]), str(row["messages_sha256"])),
            custom_id=row["custom_id"],
            prompt_tokens=int(row["prompt_tokens"]),
            completion_tokens=int(row["completion_tokens"]),
            amount=None if row["amount"] is None else Decimal(str(row["amount"])),
            currency=row["currency"],
        )
    except (KeyError, TypeError, ValueError, InvalidOperation) as error:
        raise UnreadableError(f"no charge of the simulator's text ledger: {error!r}") from error
