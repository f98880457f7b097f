"""Answers where the documentation leaves their wording open, and captures that set them."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

import av
import pytest

from simulator.assemble import CAPTURE_FORMAT, replay
from simulator.errors import StartError
from tests.simulator.test_results import url_of

if TYPE_CHECKING:
    from pathlib import Path

    from simulator.exchange.dependencies import Service
    from tests.simulator.conftest import Wire


def configure(at: Wire, /, **config: Any) -> None:
    """Change the behaviour."""
    at.client.post("/__sim__/config", json=config).raise_for_status()


@pytest.mark.parametrize(("echo", "early", "late"), [("at_end", 0, 1), ("always", 1, 1), ("never", 0, 0)])
def test_the_prompt_is_echoed_when_it_is_told_to(wire: Wire, echo: str, early: int, late: int) -> None:
    configure(wire, wire={"echo": echo})
    task_id = wire.submit("a cat [[run=60]]")

    before = wire.query(task_id)["output"]
    wire.bench.after(100)
    after = wire.query(task_id)["output"]

    assert [before.get("orig_prompt"), after.get("orig_prompt")].count("a cat [[run=60]]") == early + late
    assert ("orig_prompt" in before, "orig_prompt" in after) == (bool(early), bool(late))


def test_usage_has_the_fields_that_are_given_and_the_measured_numbers(wire: Wire) -> None:
    configure(wire, wire={"usage": {"wan2.6-t2v": {"duration": 1.0, "SR": "480", "fps": 30}}})

    usage = wire.query(wire.succeeded())["usage"]

    assert usage == {"duration": 5.0, "SR": "1080", "fps": 30}
    assert isinstance(usage["duration"], float)


def test_a_rewritten_prompt_is_told_where_it_is_not_usual(wire: Wire) -> None:
    configure(wire, wire={"rewritten": {"wan2.6-t2v": True}})

    assert wire.query(wire.succeeded("a cat [[run=60]]"))["output"]["actual_prompt"] == "a cat [[run=60]]"


def test_headers_come_with_every_answer(wire: Wire) -> None:
    configure(wire, wire={"headers": {"x-ratelimit-remaining": "3", "server": "other"}})

    headers = wire.client.get("/api/v1/tasks").headers

    assert (headers["x-ratelimit-remaining"], headers["server"]) == ("3", "other")


def test_a_rendering_task_can_be_cancelled_and_costs_nothing(wire: Wire) -> None:
    configure(wire, wire={"cancels_running": True}, limits={"slots": 1})
    running, waiting = wire.submit(), wire.submit()
    wire.bench.after(1)

    assert wire.client.post(f"/api/v1/tasks/{running}/cancel").status_code == 200
    wire.bench.after(1)

    assert wire.query(running)["output"]["task_status"] == "CANCELED"
    assert wire.query(waiting)["output"]["task_status"] == "RUNNING"
    wire.bench.after(1000)
    assert wire.client.get("/__sim__/ledger").json()["count"] == 1


def test_a_marked_file_still_plays(wire: Wire) -> None:
    configure(wire, clips={"mark": "AIGC"})

    content = wire.client.get(url_of(wire)).content

    assert b"AIGC" in content
    with av.open(io.BytesIO(content)) as container:
        assert container.streams.video[0].codec_context.name == "h264"


def test_pages_and_queues_are_as_long_as_they_are_told_to(wire: Wire) -> None:
    configure(wire, model_list={"page_size_max": 3}, limits={"quota_page_size_max": 2, "queue_length": 10})

    listed = wire.client.get("/api/v1/models?page_size=100").json()["output"]
    quotas = wire.client.get("/api/v1/quotas?page_size=100").json()["output"]

    assert (len(listed["models"]), listed["page_size"]) == (3, 3)
    assert (len(quotas["quotas"]), quotas["page_size"]) == (2, 2)
    assert quotas["quotas"][0]["model_limit"]["async_user_queue_limit"] == 10


def test_a_capture_sets_what_it_can_play_and_names_the_rest(service: Service, tmp_path: Path) -> None:
    path = tmp_path / "capture.json"
    document = {"format": CAPTURE_FORMAT, "simulator": {"wire": {"echo": "never"}}, "not_played": ["zone"]}
    path.write_text(json.dumps(document))

    unplayed = replay(service, path)

    assert service.provider.config.wire.echo == "never"
    assert unplayed == ["zone"]


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"format": 0}', '{"format": 1, "simulator": {"wire": {"ecco": 1}}, "not_played": []}']
)
def test_what_is_no_capture_is_refused(service: Service, tmp_path: Path, text: str) -> None:
    path = tmp_path / "capture.json"
    path.write_text(text)

    with pytest.raises(StartError, match=r"capture\.json is (no|a) capture"):
        replay(service, path)
