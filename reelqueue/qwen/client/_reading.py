"""What both clients need to read an answer from httpx."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

import httpx

from reelqueue.errors import ConfigurationError
from reelqueue.qwen.answers.exchange import Exchange
from reelqueue.qwen.settings import QwenSettings, read_settings

if TYPE_CHECKING:
    from httpx_sse import EventSource


_BEFORE_A_HEAD: Final = "send_request_headers.started"


class CountedStream(httpx.SyncByteStream):
    """The bytes of an answer, within what may come and for as long as it may take."""

    def __init__(self, inner: httpx.SyncByteStream, exchange: Exchange) -> None:
        self._inner = inner
        self._exchange = exchange

    def __iter__(self) -> Iterator[bytes]:
        return map(self._exchange.count, self._inner)

    def close(self) -> None:
        """Close the connection."""
        self._inner.close()


class AsyncCountedStream(httpx.AsyncByteStream):
    """The bytes of an answer, within what may come and for as long as it may take."""

    def __init__(self, inner: httpx.AsyncByteStream, exchange: Exchange) -> None:
        self._inner = inner
        self._exchange = exchange

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._inner:
            yield self._exchange.count(chunk)

    async def aclose(self) -> None:
        """Close the connection."""
        await self._inner.aclose()


def trace(last_look: Callable[[], object]) -> Callable[[str, dict[str, Any]], None]:
    """A trace of httpcore's steps that calls a check before each head is written, a proxy's CONNECT too."""

    def look(step: str, _details: dict[str, Any]) -> None:
        if step.endswith(_BEFORE_A_HEAD):
            last_look()

    return look


def async_trace(last_look: Callable[[], object]) -> Callable[[str, dict[str, Any]], Awaitable[None]]:
    """The same, awaited."""

    async def look(step: str, _details: dict[str, Any]) -> None:
        if step.endswith(_BEFORE_A_HEAD):
            last_look()

    return look


def settings_from(settings: QwenSettings | Mapping[str, object] | None) -> QwenSettings:
    """Settings as they were given to a client.

    Raises:
        ConfigurationError: One does not exist or cannot be used.
    """
    return settings if isinstance(settings, QwenSettings) else read_settings(settings or {})


def httpx_options(settings: QwenSettings, kind: type[httpx.BaseTransport | httpx.AsyncBaseTransport]) -> dict[str, Any]:
    """Options that `httpx.Client` and `httpx.AsyncClient` share.

    Raises:
        ConfigurationError: The transport is the other client's.
    """
    if settings.transport is not None and not isinstance(settings.transport, kind):
        raise ConfigurationError(f"transport: this client needs an httpx.{kind.__name__}")
    return {
        "transport": settings.transport,
        # The body and the key would go to wherever the answer says.
        "follow_redirects": False,
        "trust_env": not settings.is_loopback,
        # Half-closed connections of a pool lose answers that look like they were never asked for.
        "limits": httpx.Limits(max_keepalive_connections=0),
        # A compressed answer may unpack to any size.
        "headers": {"Accept-Encoding": "identity"},
    }


def event_source(response: httpx.Response) -> EventSource:
    """The events of a streamed answer."""
    return _event_source_type()(response)


def check_can_stream() -> None:
    """Make sure that a streamed answer can be read, before it is paid for.

    Raises:
        ConfigurationError: The extra is not installed.
    """
    _event_source_type()


def _event_source_type() -> type[EventSource]:
    try:
        from httpx_sse import EventSource
    except ModuleNotFoundError as error:
        raise ConfigurationError("streamed answers need httpx-sse; run: pip install 'reelqueue[text]'") from error
    return EventSource
