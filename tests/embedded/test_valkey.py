"""Valkey as a child: private, durable, never forgetful under pressure."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from embedded.servers.valkey import ValkeyServer


def test_keys_survive_a_kill(tmp_path: Path) -> None:
    server = ValkeyServer(tmp_path)
    server.start()
    with redis.Redis.from_url(server.client_url) as client:
        client.mset({f"key-{number}": number for number in range(1000)})
    server.child.kill()

    with ValkeyServer(tmp_path) as server, redis.Redis.from_url(server.client_url) as client:
        assert client.dbsize() == 1000


def test_it_never_evicts_a_message(server: ValkeyServer) -> None:
    with redis.Redis.from_url(server.client_url) as client:
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}


def test_it_listens_in_a_private_folder_and_nowhere_else(server: ValkeyServer) -> None:
    with redis.Redis.from_url(server.client_url) as client:
        assert client.config_get("port") == {"port": "0"}
    assert stat.S_IMODE(server.socket_path.parent.stat().st_mode) == 0o700


def test_a_deep_folder_gets_a_short_socket(tmp_path: Path) -> None:
    with ValkeyServer(tmp_path / ("deep" * 25) / "valkey") as server:
        assert len(str(server.socket_path)) < 80


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ValkeyServer]:
    with ValkeyServer(tmp_path_factory.mktemp("valkey")) as server:
        yield server
