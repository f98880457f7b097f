"""Posting signed events to one receiver, each once."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

import httpx
from pydantic import SecretStr

from reelqueue.egress import WIRE_ERRORS, transport_to
from reelqueue.url_safety import Network, UnsafeUrlError, check_web_url
from reelqueue.version import USER_AGENT
from reelqueue.webhooks import WebhookEvent, sign

_LONGEST_REASON: Final = 200


@dataclass(frozen=True)
class OutgoingEvent:
    """One event to be posted."""

    delivery_id: UUID
    attempt_count: int
    """Tries before this one."""
    event: WebhookEvent


@dataclass(frozen=True)
class Response:
    """What a receiver said to one event; of its answer only the head is read."""

    status: int | None
    """None: it did not answer."""
    error: str | None = None
    retry_after_seconds: float = 0

    @property
    def is_success(self) -> bool:
        """Whether the receiver has taken the event over."""
        return self.status is not None and 200 <= self.status < 300

    @property
    def is_unavailable(self) -> bool:
        """Whether the receiver can take no event now, rather than this one."""
        return self.status is None or self.status in {408, 429} or self.status >= 500


async def post_all(
    url: str,
    letters: Sequence[OutgoingEvent],
    secret: SecretStr,
    *,
    at: datetime,
    private_hosts: Collection[str],
    own_networks: Collection[Network] = (),
    timeout_seconds: float,
    transport: httpx.AsyncBaseTransport | None = None,
) -> Sequence[Response]:
    """Post events to a receiver, all at once.

    Args:
        url: The receiver's.
        letters: The events.
        secret: Signs them.
        at: The time that they are signed with.
        private_hosts: Hosts in our own network that the operator lets be reached.
        own_networks: What this network's DNS gives for public names.
        timeout_seconds: For each event, from the look-up of the name to the head of the answer.
        transport: Replaces the one that reaches public addresses only.

    Returns:
        One answer per event; nothing is raised for what a receiver, or its owner, does.
    """
    try:
        checked = check_web_url(url, private_hosts=private_hosts)
    except UnsafeUrlError as error:
        return [Response(None, f"the URL is not posted to: {error}") for _ in letters]
    chosen = transport or transport_to(checked, private_hosts=private_hosts, own_networks=own_networks)
    # A redirect is an answer like any other, and no success: it could lead into our network.
    async with httpx.AsyncClient(transport=chosen, follow_redirects=False, timeout=timeout_seconds) as client:
        posts = (_post(client, _request(client, checked, each, secret, at), timeout_seconds) for each in letters)
        return await asyncio.gather(*posts)


def _request(
    client: httpx.AsyncClient, url: httpx.URL, letter: OutgoingEvent, secret: SecretStr, at: datetime
) -> httpx.Request:
    body = letter.event.model_dump_json(exclude={"id"}).encode()
    timestamp_seconds = int(at.timestamp())
    headers = {
        "Content-Type": "application/json",
        "User-Agent": USER_AGENT,
        "Webhook-Id": letter.event.id,
        "Webhook-Timestamp": str(timestamp_seconds),
        "Webhook-Signature": sign(letter.event.id, timestamp_seconds, body, secret.get_secret_value()),
    }
    return client.build_request("POST", url, content=body, headers=headers)


async def _post(client: httpx.AsyncClient, request: httpx.Request, timeout_seconds: float) -> Response:
    try:
        async with asyncio.timeout(timeout_seconds):
            response = await client.send(request, stream=True)
            await response.aclose()
    except TimeoutError:
        return Response(None, f"no answer within {timeout_seconds:g} s")
    except UnsafeUrlError as error:
        return Response(None, f"the URL is not posted to: {error}")
    except WIRE_ERRORS as error:
        return Response(None, f"no answer: {type(error).__name__} {error}"[:_LONGEST_REASON])
    answer = Response(response.status_code, retry_after_seconds=_retry_after(response))
    return answer if answer.is_success else Response(answer.status, f"HTTP {answer.status}", answer.retry_after_seconds)


def _retry_after(response: httpx.Response) -> float:
    asked = response.headers.get("Retry-After", "")
    return float(asked) if asked.isascii() and asked.isdecimal() and len(asked) < 10 else 0
