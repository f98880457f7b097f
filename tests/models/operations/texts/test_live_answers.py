"""Pieces of an answer: written by a worker, read by whoever watches, and worth nothing but the view."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from uuid import UUID

import pytest
import redis

from embedded.servers.valkey import ValkeyServer
from models.base import new_id
from models.operations.texts.live_answers import (
    KEPT_SECONDS,
    LivePiece,
    LiveWriter,
    connect,
    connect_async,
    is_entry_id,
    key_of,
    read_pieces,
)


@pytest.fixture
def connection(broker_url: str) -> Iterator[redis.Redis]:
    with connect(broker_url) as connection:
        yield connection


def read(url: str, job_id: UUID, after: str = "0-0") -> list[LivePiece]:
    async def ask() -> list[LivePiece]:
        async with connect_async(url) as connection:
            return (await read_pieces(connection, {job_id: after}, wait_seconds=0.001)).get(job_id, [])

    return asyncio.run(ask())


def test_pieces_of_a_kind_are_put_together(broker_url: str, connection: redis.Redis) -> None:
    job_id = new_id()
    writer = LiveWriter(connection, job_id)
    for kind, text, index in [("begin", "1", 0), ("text", "a", 0), ("text", "b", 0), ("tool_call", "{", 1)]:
        writer.write(kind, text, index)  # type: ignore[arg-type]
    writer.flush()

    found = [(piece.kind, piece.text, piece.index) for piece in read(broker_url, job_id)]

    assert found == [("begin", "1", 0), ("text", "ab", 0), ("tool_call", "{", 1)]
    assert 0 < int(str(connection.ttl(key_of(job_id)))) <= KEPT_SECONDS


def test_half_a_character_does_not_end_the_call_that_brings_it(broker_url: str, connection: redis.Redis) -> None:
    job_id = new_id()
    writer = LiveWriter(connection, job_id)
    for half in "\ud83d", "\ude00":
        writer.write("text", half)
        writer.flush()
    writer.write("text", "a")
    writer.flush()

    assert [piece.text for piece in read(broker_url, job_id)] == ["?", "?", "a"]


def test_a_reader_goes_on_from_where_it_was(broker_url: str, connection: redis.Redis) -> None:
    job_id = new_id()
    writer = LiveWriter(connection, job_id)
    writer.write("text", "a")
    writer.flush()
    (first,) = read(broker_url, job_id)
    assert is_entry_id(first.id)
    writer.write("text", "b")
    writer.flush()

    assert [piece.text for piece in read(broker_url, job_id, after=first.id)] == ["b"]


def test_what_was_flushed_is_no_error(broker: ValkeyServer, broker_url: str, connection: redis.Redis) -> None:
    job_id = new_id()
    writer = LiveWriter(connection, job_id)
    writer.write("text", "a")
    writer.flush()
    (first,) = read(broker_url, job_id)
    broker.flush()

    assert read(broker_url, job_id, after=first.id) == []


def test_a_broker_that_is_away_stops_no_writer() -> None:
    writer = LiveWriter(redis.Redis(host="127.0.0.1", port=1, socket_connect_timeout=1), new_id())

    writer.write("text", "a")
    writer.flush()
    writer.write("text", "b")
    writer.flush()


@pytest.mark.parametrize("text", ["", "$", "1", "1-1-1", "-1-0", "1-0\n", "9" * 40 + "-0"])
def test_what_is_no_entrys_id(text: str) -> None:
    assert not is_entry_id(text)
