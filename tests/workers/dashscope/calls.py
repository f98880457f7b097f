"""One call of the client at a time, against a server or a script."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

import httpx
from pydantic import SecretStr

from reelqueue.builder import BuiltRequest, build
from reelqueue.requests.parse import parse_request
from workers.dashscope import Acceptance, DashScope, TaskAnswer
from workers.dashscope.client import Endpoint, TimeLimits

KEY = "sk-canary-7d1f"
SHORT = TimeLimits(connect=5, write=5, read=5, query=0.2)
REQUEST = {"model": "wan2.6-t2v", "prompt": "a paper boat", "resolution": "1280x720"}

T = TypeVar("T")


def call(
    ask: Callable[[DashScope], Awaitable[T]],
    where: str | httpx.AsyncBaseTransport,
    *,
    key: str = KEY,
    limits: TimeLimits | None = None,
) -> T:
    """Make one call to a base URL, or over a transport."""
    transport = None if isinstance(where, str) else where
    base_url = where if isinstance(where, str) else "https://dashscope.test"

    async def run() -> T:
        async with DashScope(Endpoint(base_url, SecretStr(key)), transport=transport, limits=limits) as client:
            return await ask(client)

    return asyncio.run(run())


def submit(
    where: str | httpx.AsyncBaseTransport,
    *,
    key: str = KEY,
    limit_seconds: float = 5,
    account_headers: Mapping[str, str] | None = None,
    **options: object,
) -> Acceptance:
    """Submit a small request."""
    built = build_request(account_headers, **options)
    return call(lambda client: client.submit(built, limit_seconds=limit_seconds), where, key=key)


def query(where: str | httpx.AsyncBaseTransport, *, limits: TimeLimits | None = None) -> TaskAnswer:
    """Ask about a task."""
    return call(lambda client: client.get("task-1"), where, limits=limits)


def build_request(account_headers: Mapping[str, str] | None = None, **options: object) -> BuiltRequest:
    """The small request, built."""
    return build(parse_request({**REQUEST, **options}), account_headers=account_headers or {})
