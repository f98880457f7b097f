"""Hints over a real broker: what they keep open there, and what they survive."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from kombu.exceptions import OperationalError

from api.dispatch_hints import make_producer, send_dispatch
from embedded.servers.valkey import ValkeyServer


def test_many_hints_use_the_connections_of_the_first(own_broker: ValkeyServer) -> None:
    producer = make_producer(own_broker.broker_url)
    with redis.Redis.from_url(own_broker.client_url) as client:
        send_dispatch(producer)
        first = len(client.client_list())
        for _ in range(20):
            send_dispatch(producer)

        assert len(client.client_list()) == first
        assert client.llen("control") == 21


def test_hints_arrive_again_once_a_broker_was_restarted(own_broker: ValkeyServer) -> None:
    producer = make_producer(own_broker.broker_url)
    send_dispatch(producer)
    own_broker.stop()
    for _ in range(2):
        with pytest.raises(OperationalError):
            send_dispatch(producer)

    own_broker.start()
    send_dispatch(producer)

    with redis.Redis.from_url(own_broker.client_url) as client:
        assert client.llen("control") == 2


@pytest.fixture
def own_broker(tmp_path: Path) -> Iterator[ValkeyServer]:
    """A broker that only this test uses, and may stop."""
    with ValkeyServer(tmp_path / "valkey") as server:
        yield server
