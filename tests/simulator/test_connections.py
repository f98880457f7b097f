"""Faults of the connection, over real sockets."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import httpx
import pytest

if TYPE_CHECKING:
    from tests.conftest import Simulator

PATH = "/api/v1/services/aigc/video-generation/video-synthesis"
GOOD = {"model": "wan2.6-t2v", "input": {"prompt": "a cat [[run=1]]"}}
HEADERS = {"Authorization": "Bearer sk-test", "X-DashScope-Async": "enable"}


def submit(client: httpx.Client) -> httpx.Response:
    """Send a good submit."""
    return client.post(PATH, json=GOOD)


def fault(simulator: Simulator, kind: str, **rest: Any) -> None:
    """Script a fault of the next submit."""
    body = {"operation": "submit", "kind": kind} | rest
    simulator.control.post("faults", json=body).raise_for_status()


def task_count(simulator: Simulator) -> int:
    """Tasks that exist."""
    return sum(simulator.control.get("health").json()["tasks"].values())


@pytest.mark.parametrize(("phase", "tasks"), [("before", 0), ("after", 1)])
def test_the_connection_closes_without_an_answer(
    simulator: Simulator, client: httpx.Client, phase: str, tasks: int
) -> None:
    fault(simulator, "drop", phase=phase)

    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        submit(client)

    assert task_count(simulator) == tasks


def test_no_answer_ever_comes(simulator: Simulator, client: httpx.Client) -> None:
    fault(simulator, "hang", phase="after")

    with pytest.raises(httpx.ReadTimeout):
        client.post(PATH, json=GOOD, timeout=0.3)

    assert task_count(simulator) == 1


def test_the_answer_stops_half_way(simulator: Simulator, client: httpx.Client) -> None:
    fault(simulator, "cut")

    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        submit(client)


def test_the_answer_comes_byte_by_byte(simulator: Simulator, client: httpx.Client) -> None:
    fault(simulator, "trickle", seconds=0.001)

    with client.stream("POST", PATH, json=GOOD) as answer:
        pieces = list(answer.iter_raw())

    assert len(pieces) > 10
    assert json.loads(b"".join(pieces))["output"]["task_status"] == "PENDING"


def test_the_answer_comes_late(simulator: Simulator, client: httpx.Client) -> None:
    fault(simulator, "delay", seconds=0.5)

    with pytest.raises(httpx.ReadTimeout):
        client.post(PATH, json=GOOD, timeout=0.2)

    assert task_count(simulator) == 1


def test_the_answer_is_larger_than_anybody_wants(simulator: Simulator, client: httpx.Client) -> None:
    fault(simulator, "huge", size_bytes=5_000_000)

    assert len(submit(client).content) > 5_000_000


def test_a_caller_that_dies_while_sending_makes_no_task(simulator: Simulator) -> None:
    url = httpx.URL(simulator.base_url)
    with socket.create_connection((url.host, url.port or 0)) as connection:
        connection.sendall(
            f"POST {PATH} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer sk-test\r\n"
            "X-DashScope-Async: enable\r\nContent-Length: 500\r\n\r\n{".encode()
        )

    assert task_count(simulator) == 0


def test_another_call_on_the_connection_still_works(simulator: Simulator, client: httpx.Client) -> None:
    fault(simulator, "error")

    assert [submit(client).status_code for _ in range(2)] == [500, 200]


@pytest.fixture
def client(simulator: Simulator) -> Iterator[httpx.Client]:
    """A caller with a key."""
    with httpx.Client(base_url=simulator.base_url, headers=HEADERS, trust_env=False, timeout=10) as client:
        yield client
