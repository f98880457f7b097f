"""Makes Celery's own traffic with the broker cheaper; half of a worker's CPU went there.

kombu makes a new Redis client, with a table of 300 callbacks, for each acknowledgement and each event. Celery sends the
events that Flower lives on as soon as its loop comes round, so nearly each by itself.
"""

from __future__ import annotations

import time
from typing import Final

from celery.worker.consumer.consumer import Consumer
from kombu.transport import redis as transport
from redis import Redis

EVENTS_WITHIN_SECONDS: Final = 0.5
"""So late may Flower hear of a task; up to ten events are sent as one."""


class SharingChannel(transport.Channel):
    """A channel with one Redis client for its pool of connections."""

    _shared: Redis | None = None

    def _create_client(self, asynchronous: bool = False) -> Redis:  # noqa: FBT001, FBT002 - as kombu's
        if asynchronous:  # the two that are kept already
            return super()._create_client(asynchronous=True)  # type: ignore[no-untyped-call,no-any-return]
        if self._shared is None or self._shared.connection_pool is not self.pool:  # it has connected again
            self._shared = super()._create_client()  # type: ignore[no-untyped-call]
        return self._shared


class GatheringConsumer(Consumer):  # type: ignore[misc]  # Celery ships no types
    """A consumer that gathers events before it sends them."""

    _flush_at = 0.0

    def on_send_event_buffered(self) -> None:
        """An event was put into the buffer, by any thread; only the loop's own may set its timers."""
        if self.hub:
            self.hub.call_soon(self._flush_in_time)

    def _flush_in_time(self) -> None:
        now = time.monotonic()
        if now >= self._flush_at:
            self._flush_at = now + EVENTS_WITHIN_SECONDS
            self.hub.call_later(EVENTS_WITHIN_SECONDS, self._flush_events)
