"""Discards what is on the broker and is no Celery message, where Celery and kombu would end the worker.

Any client of the broker can put anything there: a script with a typing error is enough. Celery refuses tasks
that it does not know; a message that is no JSON, has no properties, or whose headers are of other types, raises in the
consumer's loop.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from queue import Empty
from typing import Final

import structlog
from kombu.transport import TRANSPORT_ALIASES, redis, virtual
from kombu.utils.uuid import uuid

from workers.runtime.broker_traffic import GatheringConsumer, SharingChannel

log = structlog.get_logger(__name__)

_REMEDY: Final = "fix its sender; nothing is lost, as the sweep issues what is due"
_MALFORMED: Final = (KeyError, TypeError, ValueError, AttributeError, LookupError, RecursionError)


class Message(virtual.Message):
    """A message from the broker; a malformed one becomes one without a task, which Celery rejects."""

    def __init__(self, payload: object, channel: redis.Channel, **options: object) -> None:
        """Read what the transport received.

        Args:
            payload: Decoded JSON of any shape.
            channel: Where it came from.
            options: As kombu's.
        """
        try:
            super().__init__(payload, channel, **options)  # type: ignore[no-untyped-call]
            route = self.delivery_info["exchange"], self.delivery_info["routing_key"], self.delivery_tag
            if not all(isinstance(part, str) for part in route):
                raise TypeError("its delivery tag, exchange and routing key are not text")
        except _MALFORMED as error:
            log.warning("broker.message_discarded", reason=f"its properties: {error!r:.200}", remedy=_REMEDY)
            delivery = {"delivery_tag": uuid(), "delivery_info": {"exchange": "", "routing_key": ""}}
            super().__init__({"properties": delivery, "headers": None}, channel, **options)  # type: ignore[no-untyped-call]


class Channel(SharingChannel):
    """A channel that discards what it cannot read."""

    Message = Message  # type: ignore[assignment]  # kombu names the base class's type, and means any like it

    def _brpop_read(self, **options: object) -> object:
        try:
            return super()._brpop_read(**options)  # type: ignore[no-untyped-call]
        except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
            log.warning("broker.message_discarded", reason=f"it is no JSON: {type(error).__name__}", remedy=_REMEDY)
            raise Empty from error


class Transport(redis.Transport):
    """Redis, with channels that discard what they cannot read."""

    Channel = Channel


class Consumer(GatheringConsumer):
    """A consumer that rejects a message with headers of other types than Celery's."""

    def create_task_handler(self, *arguments: object, **options: object) -> Callable[[Message], object]:
        """Make what is called with each message."""
        handle: Callable[[Message], object] = super().create_task_handler(*arguments, **options)

        def handle_or_reject(message: Message) -> object:
            try:
                return handle(message)
            except _MALFORMED as error:
                log.warning("broker.message_discarded", reason=f"its headers: {error!r:.200}", remedy=_REMEDY)
                message.reject_log_error(log, self.connection_errors)  # type: ignore[no-untyped-call]
                return None

        return handle_or_reject


def discard_malformed_messages() -> str:
    """Read Redis through :class:`Transport`, also where the URL names it with a socket or TLS.

    Returns:
        What ``worker_consumer`` is set to.
    """
    for scheme in ("redis", "rediss"):
        TRANSPORT_ALIASES[scheme] = f"{Transport.__module__}:{Transport.__name__}"
    return f"{Consumer.__module__}:{Consumer.__name__}"
