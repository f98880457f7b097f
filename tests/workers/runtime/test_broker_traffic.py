"""What Celery's own traffic with the broker costs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest
from kombu import Connection
from kombu.asynchronous import Hub

from workers.runtime.malformed_messages import Channel, Consumer


def test_operations_of_a_channel_share_a_client(broker_url: str) -> None:
    with Connection(broker_url) as connection, closing(Channel(connection.transport)) as channel:
        with channel.conn_or_acquire() as one, channel.conn_or_acquire() as other:
            assert one is other
        channel._disconnect_pools()
        with channel.conn_or_acquire() as again:
            assert again is not one
            assert again.ping()


class Dispatcher:
    """Counts how often events are sent."""

    sent = 0

    def flush(self) -> None:
        """Send what is in the buffer."""
        self.sent += 1


@pytest.fixture
def hub() -> Iterator[Hub]:
    """An event loop of kombu's."""
    with closing(Hub()) as made:
        yield made


def test_events_are_gathered_and_sent_in_time(hub: Hub) -> None:
    consumer = Consumer.__new__(Consumer)
    consumer.hub, consumer.event_dispatcher = hub, Dispatcher()
    loop = hub.create_loop()

    for _ in range(3):
        consumer.on_send_event_buffered()
    next(loop)
    assert consumer.event_dispatcher.sent == 0

    while hub.timer.queue:
        next(loop)
    assert consumer.event_dispatcher.sent == 1
