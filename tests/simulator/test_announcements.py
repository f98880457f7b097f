"""Events about finished tasks."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from simulator.exchange.dependencies import Service
    from tests.simulator.conftest import Wire


@dataclass
class Receiver:
    """A web hook on loopback."""

    url: str = ""
    events: list[dict[str, Any]] = field(default_factory=list)


def test_an_event_tells_that_a_task_ended(wire: Wire, service: Service, receiver: Receiver) -> None:
    service.provider.configure({"announcements": {"url": receiver.url}})
    task_id = wire.succeeded()

    wire.run(service.announcer.announce_due())

    (event,) = receiver.events
    assert event["type"] == "dashscope:System:AsyncTaskFinish"
    assert (event["data"]["task_id"], event["data"]["task_status"]) == (task_id, "SUCCEEDED")
    assert event["data"]["user_api_unique_key"].endswith(":video-synthesis:wan2.6-t2v")


def test_each_end_is_told_once(wire: Wire, service: Service, receiver: Receiver) -> None:
    service.provider.configure({"announcements": {"url": receiver.url}})
    wire.succeeded()
    wire.submit()

    for _ in range(3):
        wire.run(service.announcer.announce_due())

    assert len(receiver.events) == 1


@pytest.mark.parametrize(("settings", "ids", "count"), [({"repeated_share": 1}, 3, 6), ({"lost_share": 1}, 0, 0)])
def test_events_may_be_repeated_and_lost(
    wire: Wire, service: Service, receiver: Receiver, settings: dict[str, float], ids: int, count: int
) -> None:
    service.provider.configure({"announcements": {"url": receiver.url, "is_shuffled": True} | settings})
    for _ in range(3):
        wire.submit("[[fail=InternalError]] [[run=1]]")
    wire.bench.after(60)

    wire.run(service.announcer.announce_due())

    assert (len({event["id"] for event in receiver.events}), len(receiver.events)) == (ids, count)


def test_a_receiver_that_is_gone_does_no_harm(wire: Wire, service: Service) -> None:
    service.provider.configure({"announcements": {"url": "http://127.0.0.1:9/gone"}})
    task_id = wire.succeeded()

    wire.run(service.announcer.announce_due())

    assert wire.query(task_id)["output"]["task_status"] == "SUCCEEDED"


def test_events_never_leave_the_machine(wire: Wire) -> None:
    patch = {"announcements": {"url": "https://hooks.example.com/"}}

    assert wire.client.post("/__sim__/config", json=patch).status_code == 422


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A web hook that keeps what it is told."""
    receiver = Receiver()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            receiver.events.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        receiver.url = f"http://127.0.0.1:{server.server_port}/hook"
        yield receiver
        server.shutdown()
        thread.join()
