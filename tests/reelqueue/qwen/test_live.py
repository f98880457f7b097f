"""Both clients against the simulator: real HTTP, every fault, and one bill."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest
from pydantic import BaseModel

from reelqueue.qwen import (
    TextError,
    TextFailedError,
    TextGivenUpError,
    TextIncompleteError,
    TextNoAnswerError,
    TextRefusedError,
    TextServerError,
    TextUnreadableError,
)
from reelqueue.states import FailureClass

if TYPE_CHECKING:
    from tests.conftest import Simulator
    from tests.reelqueue.qwen.conftest import World

ASK = {"model": "qwen-plus", "prompt": "Name a boat, please, and say why."}
QUICK = {"idle": 2, "whole": 2}
LiveClient: TypeAlias = Any
"""Either client; see `World`."""


@pytest.fixture
def client(world: World, simulator: Simulator) -> LiveClient:
    """A client of the simulator."""
    base_url = f"{simulator.base_url}/compatible-mode/v1"
    return world.connect(base_url=base_url, transport=None, api_key="sk-live", limits=QUICK)


def bill(simulator: Simulator) -> dict[str, Any]:
    """What the simulator billed."""
    found: dict[str, Any] = simulator.control.get("texts").json()
    return found


def fault(simulator: Simulator, kind: str, **rest: Any) -> None:
    """Script one fault."""
    simulator.control.post("faults", json={"operation": "chat", "kind": kind, **rest}).raise_for_status()


def town(name: str) -> str:
    """What is known of a town."""
    return f"{name} has a cathedral."


class Boat(BaseModel):
    """What is asked for."""

    name: str
    masts: int


@pytest.mark.parametrize("options", [{}, {"enable_thinking": True}, {"model": "qwen3.8-max"}, {"model": "qwq-plus"}])
@pytest.mark.parametrize("stream", [None, True])
def test_the_cost_of_an_answer_is_what_was_billed(
    world: World, client: LiveClient, simulator: Simulator, *, options: dict[str, Any], stream: bool | None
) -> None:
    answer = world.run(client.ask({**ASK, **options}, stream=stream))

    (entry,) = bill(simulator)["entries"]
    assert answer.text == f"You said: {ASK['prompt']}"
    assert answer.cost.amount == Decimal(entry["amount"])
    assert answer.usage.completion_tokens == entry["completion_tokens"]
    assert bool(answer.reasoning) == bool(entry["reasoning_tokens"])
    assert answer.request_id == entry["request_id"]


def test_a_cached_prefix_costs_what_was_billed(world: World, client: LiveClient, simulator: Simulator) -> None:
    system = {"role": "system", "content": "rules " * 1000, "cache_control": "ephemeral"}
    ask = {"model": "qwen-plus", "messages": [system, {"role": "user", "content": "Hi"}]}

    costs = [world.run(client.ask(ask)).cost.amount for _ in range(2)]

    assert costs == [Decimal(entry["amount"]) for entry in bill(simulator)["entries"]]
    assert costs[1] < costs[0] / 4


def test_tools_and_their_bill(world: World, client: LiveClient, simulator: Simulator) -> None:
    run = world.run(client.ask_with_tools({**ASK, "prompt": "[[call=town]] Hi"}, [town]))

    assert run.answer.text == "The tool said: text has a cathedral."
    assert run.cost.amount == Decimal(bill(simulator)["totals"]["USD"])
    assert bill(simulator)["count"] == 2


def test_streamed_tools(world: World, client: LiveClient) -> None:
    ask = {**ASK, "prompt": "[[call=town]] Hi", "enable_thinking": True}

    assert world.run(client.ask_with_tools(ask, [town])).answer.text == "The tool said: text has a cathedral."


def test_arguments_that_are_no_json_are_handed_back(world: World, client: LiveClient) -> None:
    ask = {**ASK, "prompt": "[[call=town]][[bad-arguments]]"}

    assert "Invalid JSON" in world.run(client.ask_with_tools(ask, [town])).answer.text


@pytest.mark.parametrize("model", ["qwen-plus", "qwen3.7-plus"])
@pytest.mark.parametrize(("marker", "calls"), [("", 1), ("[[fenced]]", 1), ("[[broken-json]]", 2)])
def test_objects_and_their_bill(
    world: World, client: LiveClient, simulator: Simulator, model: str, marker: str, calls: int
) -> None:
    found = world.run(client.ask_object({"model": model, "prompt": f"{marker} A boat."}, Boat))

    assert found.value == Boat(name="text", masts=1)
    assert len(found.answers) == bill(simulator)["count"] == calls
    assert found.cost.amount == Decimal(bill(simulator)["totals"]["USD"])


@pytest.mark.parametrize(
    ("kind", "error_type", "failure"),
    [
        ("stream-error", TextFailedError, "throttle"),
        ("stream-flat-error", TextFailedError, "throttle"),
        ("stream-named-error", TextFailedError, "throttle"),
        ("error-finish", TextFailedError, "throttle"),
        ("no-end", TextIncompleteError, "provider"),
        ("cut", TextNoAnswerError, "provider"),
        ("stall", TextNoAnswerError, "provider"),
        ("unstreamed", TextUnreadableError, "provider"),
    ],
)
def test_a_stream_that_fails_after_it_was_billed(
    world: World, client: LiveClient, simulator: Simulator, kind: str, error_type: type[TextError], failure: str
) -> None:
    fault(simulator, kind, phase="after")

    with pytest.raises(TextError) as failed:
        world.run(client.ask(ASK, stream=True))

    assert type(failed.value) is error_type
    assert failed.value.failure == failure
    assert failed.value.partial
    assert ASK["prompt"].startswith(failed.value.partial.text.removeprefix("You said: ")[:5])
    assert failed.value.partial.text
    assert bill(simulator)["count"] == len(requests(simulator)) == 1


@pytest.mark.parametrize(
    ("kind", "error_type"),
    [
        ("partial", TextIncompleteError),
        ("html", TextUnreadableError),
        ("empty", TextUnreadableError),
        ("truncated", TextUnreadableError),
        ("error", TextServerError),
        ("gateway-page", TextServerError),
        ("drop", TextNoAnswerError),
        ("hang", TextNoAnswerError),
        ("cut", TextNoAnswerError),
        ("stall", TextNoAnswerError),
        ("redirect", TextRefusedError),
    ],
)
def test_a_whole_answer_that_fails_after_it_was_billed(
    world: World, client: LiveClient, simulator: Simulator, kind: str, error_type: type[TextError]
) -> None:
    fault(simulator, kind, phase="after")

    with pytest.raises(TextError) as failed:
        world.run(client.ask(ASK, stream=False))

    assert type(failed.value) is error_type
    assert bill(simulator)["count"] == len(requests(simulator)) == 1


@pytest.mark.parametrize("status", [400, 401, 403, 404, 429])
def test_what_is_refused_is_not_billed(world: World, client: LiveClient, simulator: Simulator, status: int) -> None:
    fault(simulator, "error", status=status)

    with pytest.raises(TextRefusedError):
        world.run(client.ask(ASK))

    assert bill(simulator)["count"] == 0
    assert len(requests(simulator)) == 1


def test_moderation_of_question_and_answer(world: World, client: LiveClient, simulator: Simulator) -> None:
    with pytest.raises(TextRefusedError) as blocked:
        world.run(client.ask({**ASK, "prompt": "[[blocked-input]]"}))
    assert bill(simulator)["count"] == 0
    with pytest.raises(TextFailedError) as stopped:
        world.run(client.ask({**ASK, "prompt": "[[blocked-output]] Hi"}, stream=True))

    assert {blocked.value.failure, stopped.value.failure} == {FailureClass.MODERATION}
    assert bill(simulator)["count"] == 1


def test_an_answer_that_moderation_refuses_whole_may_be_billed(
    world: World, client: LiveClient, simulator: Simulator
) -> None:
    with pytest.raises(TextFailedError) as refused:
        world.run(client.ask({**ASK, "prompt": "[[blocked-output]] Hi"}))

    assert (refused.value.failure, refused.value.http_status) == (FailureClass.MODERATION, 400)
    assert bill(simulator)["count"] == 1


def test_an_answer_whose_usage_is_lost_has_an_estimate(world: World, client: LiveClient, simulator: Simulator) -> None:
    fault(simulator, "no-stream-usage")

    answer = world.run(client.ask(ASK, stream=True))

    assert answer.usage is None
    assert answer.cost.is_estimate
    assert answer.cost.amount >= Decimal(bill(simulator)["totals"]["USD"])


def test_a_run_that_gives_up_has_paid_for_what_it_says(world: World, client: LiveClient, simulator: Simulator) -> None:
    ask = {"model": "qwen-plus", "messages": [{"role": "user", "content": "A boat. [[say=no]] [[long=5]]"}]}

    with pytest.raises(TextGivenUpError) as given_up:
        world.run(client.ask_object(ask, Boat, max_repairs=0))

    assert len(given_up.value.earlier) == bill(simulator)["count"] == 1


def requests(simulator: Simulator) -> list[dict[str, Any]]:
    """The calls that arrived."""
    found: list[dict[str, Any]] = simulator.control.get("log", params={"operation": "chat"}).json()["requests"]
    return found
