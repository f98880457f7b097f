"""Steps of an API call (requests, pauses, retries) as a generator that both clients run.

An operation is a generator: it yields steps (send this, pause, fetch that into a file) and gets the
response of each. It does no I/O and knows no event loop; `_sync` and `_async` hold one small driver each.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol, TypeAlias, TypeVar

import httpx
from httpx import USE_CLIENT_DEFAULT
from httpx._client import UseClientDefault

from reelqueue.backoff import Backoff
from reelqueue.client._connection import CONNECT_SECONDS
from reelqueue.client._problems import error_from
from reelqueue.errors import UnavailableError

T = TypeVar("T")

WAIT_SECONDS: Final = 3600.0
"""How long a wait lasts by default; queues are longer than renders."""

DOWNLOAD_SECONDS: Final = 600.0
"""How long a download may take by default."""

RETRY_SECONDS: Final = 30.0
"""For how long a call is tried again by default."""

LONGEST_PAUSE_SECONDS: Final = 5.0
_BACKOFF: Final = Backoff(first_seconds=0.2, longest_seconds=LONGEST_PAUSE_SECONDS, jitter=0.5)

# 429 and 503 are ours; 502 and 504 come from a proxy whose server is starting or gone.
TRY_AGAIN: Final = frozenset({429, 502, 503, 504})
"""Statuses of a server that may answer soon."""


class Sink(Protocol):
    """Where a fetched body goes."""

    def restart(self) -> None:
        """Forget what was written; the body comes from its start again."""

    def write(self, chunk: bytes, /) -> None:
        """Take the next bytes of the body."""


@dataclass(frozen=True, slots=True)
class Send:
    """Step: send this request and give the whole response back."""

    method: str
    path: str
    params: Mapping[str, str | list[str]] = field(default_factory=dict)
    content: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    silence_seconds: float | None = None
    """How long the server may be silent, where that is longer than the client's own."""

    @property
    def timeout(self) -> httpx.Timeout | UseClientDefault:
        """As httpx takes it."""
        if self.silence_seconds is None:
            return USE_CLIENT_DEFAULT
        return httpx.Timeout(self.silence_seconds, connect=CONNECT_SECONDS)


@dataclass(frozen=True, slots=True)
class Fetch:
    """Step: stream the body of a successful answer into the sink; a refusal is read whole."""

    path: str
    sink: Sink


@dataclass(frozen=True, slots=True)
class Pause:
    """Step: let time pass."""

    seconds: float


Step: TypeAlias = Send | Fetch | Pause
Steps: TypeAlias = Generator[Step, httpx.Response | None, T]
"""An operation that ends with a ``T``. A driver throws `httpx.TransportError` in where a step failed."""


def deadline(seconds: float) -> float:
    """The moment, on the monotonic clock, that lies *seconds* ahead."""
    return time.monotonic() + seconds


def exchange(step: Send | Fetch, *, give_up_at: float) -> Steps[httpx.Response]:
    """The successful response to *step*, tried again while the server cannot be reached.

    Every call of the API bears being sent twice: reads and cancels by nature, submits by their
    idempotency key. A try that begins before *give_up_at* may end after it by its own timeouts.

    Raises:
        ApiError: the server refused.
        InvalidRequestError: the server refused the request's content.
        UnavailableError: no usable answer before *give_up_at*.
    """
    for retry in itertools.count():
        seen: httpx.Response | httpx.TransportError
        try:
            seen = received((yield step))
        except httpx.TransportError as error:
            seen = error
        else:
            if seen.status_code not in TRY_AGAIN:
                return _accepted(seen)
        pause = _pause_seconds(retry, seen)
        if deadline(pause) >= give_up_at:
            raise _unavailable(step, tries=retry + 1, seen=seen)
        yield Pause(pause)
    raise AssertionError("count() does not end")  # pragma: no cover


def received(reply: httpx.Response | None) -> httpx.Response:
    """*reply*, which a driver owes for every step but a pause."""
    if reply is None:
        raise TypeError("the driver sent no response for a request")
    return reply


def _accepted(response: httpx.Response) -> httpx.Response:
    if response.is_success:
        return response
    raise error_from(response)


def _pause_seconds(retry: int, seen: httpx.Response | httpx.TransportError) -> float:
    """Pause before the next try: 0.2 s doubling to 5 s, or what the server asks for, with jitter.

    Half to all of it, at random, so that the clients of a restarted server do not come back as one.
    """
    asked = seen.headers.get("retry-after", "") if isinstance(seen, httpx.Response) else ""
    return _BACKOFF.delay(retry + 1, at_least=float(asked) if asked.isdecimal() else 0.0)


def _unavailable(step: Send | Fetch, *, tries: int, seen: httpx.Response | httpx.TransportError) -> UnavailableError:
    times = "1 try" if tries == 1 else f"{tries} tries"
    if isinstance(seen, httpx.Response):
        refusal = error_from(seen)
        error = UnavailableError(f"{step.path}: no useful answer after {times}: {refusal}; try again later")
        error.__cause__ = refusal
        return error
    reason = str(seen) or type(seen).__name__
    error = UnavailableError(
        f"{seen.request.url.copy_with(query=None)} does not answer after {times}: {reason}; "
        "is the API running there? REELQUEUE_API_URL or base_url names another place"
    )
    error.__cause__ = seen
    return error
