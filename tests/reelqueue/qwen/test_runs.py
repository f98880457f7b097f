"""Runs of several calls: tools that are called, answers that are repaired."""

from __future__ import annotations

import asyncio
import json
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Literal

import httpx
import pytest
from pydantic import BaseModel, Field

from reelqueue import InvalidRequestError
from reelqueue.qwen import (
    AsyncQwenClient,
    QwenClient,
    TextGivenUpError,
    TextPrice,
    TextServerError,
    TextTier,
    ToolMessage,
)
from reelqueue.qwen.client._functions import function_tools
from tests.reelqueue.qwen.conftest import USAGE, World, whole

ASK = {"model": "qwen-plus", "prompt": "Weather in Köln?", "max_output_tokens": 100}
CALL_COST = Decimal("0.00052")


def weather(town: str, days: Annotated[int, Field(ge=1, description="How many.")] = 1) -> dict[str, Any]:
    """The weather of a town."""
    if town == "Atlantis":
        raise LookupError("no such town")
    return {"town": town, "days": days, "grad": [21] * days}


def calling(*arguments: str, name: str = "weather") -> httpx.Response:
    """An answer that calls a function once for each of *arguments*."""
    calls = [
        {"id": f"call_{at}", "type": "function", "function": {"name": name, "arguments": text}}
        for at, text in enumerate(arguments)
    ]
    return whole("", "tool_calls", tool_calls=calls)


def results(world: World, call: int = 1) -> list[str]:
    """What the tools gave, as a call was sent."""
    return [message["content"] for message in world.bodies[call]["messages"] if message["role"] == "tool"]


def test_functions_are_called_until_the_model_answers(world: World) -> None:
    client = world.client(calling('{"town": "Köln"}', '{"town": "Ulm", "days": 2}'), whole("Sunny"))

    run = world.run(client.ask_with_tools(ASK, [weather]))

    assert run.answer.text == "Sunny"
    assert results(world) == ['{"town":"Köln","days":1,"grad":[21]}', '{"town":"Ulm","days":2,"grad":[21,21]}']
    assert [message.role for message in run.messages] == ["user", "assistant", "tool", "assistant"]
    assert isinstance(run.messages[2], ToolMessage)
    assert run.cost.amount == 2 * CALL_COST
    assert world.bodies[0]["tools"][0]["function"] == {
        "name": "weather",
        "description": "The weather of a town.",
        "parameters": {
            "type": "object",
            "properties": {
                "town": {"title": "Town", "type": "string"},
                "days": {"title": "Days", "type": "integer", "minimum": 1, "default": 1, "description": "How many."},
            },
            "required": ["town"],
            "additionalProperties": False,
        },
    }


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ('{"town": "Atlantis"}', "Error: LookupError: no such town"),
        ('{"town": 5}', "town: Input should be a valid string"),
        ('{"town": "Ulm", "days": 0}', "days: Input should be greater than or equal to 1"),
        ('{"town": "Ulm", "day": 1}', "day: Unexpected keyword argument"),
        ('{"town": ', "the whole: Invalid JSON"),
        ("", "town: Field required"),
    ],
)
def test_errors_are_handed_back_to_the_model(world: World, arguments: str, words: str) -> None:
    client = world.client(calling(arguments), whole("Sorry"))

    run = world.run(client.ask_with_tools(ASK, [weather]))

    assert run.answer.text == "Sorry"
    assert words in results(world)[0]


def test_a_tool_that_does_not_exist_is_the_models_to_know(world: World) -> None:
    client = world.client(calling("{}", name="news"), whole("Sorry"))

    world.run(client.ask_with_tools(ASK, [weather]))

    assert results(world) == ["Error: there is no tool 'news'; there are weather."]


def test_a_tool_of_the_callers_own_is_the_callers_to_call(world: World) -> None:
    own = {"name": "news", "input_schema": {"type": "object"}}

    run = world.run(world.client(calling("{}", name="news")).ask_with_tools({**ASK, "tools": [own]}, [weather]))

    assert [call.name for call in run.answer.tool_calls] == ["news"]
    assert [tool["function"]["name"] for tool in world.bodies[0]["tools"]] == ["news", "weather"]
    with pytest.raises(InvalidRequestError, match="name of a tool"):
        world.run(world.client().ask_with_tools({**ASK, "tools": [own | {"name": "weather"}]}, [weather]))


def test_a_named_function_is_named_once(world: World) -> None:
    choice = {"type": "tool", "tool_name": "weather"}
    client = world.client(calling('{"town": "Ulm"}'), whole("Sunny"))

    world.run(client.ask_with_tools({**ASK, "tool_choice": choice}, [weather]))

    assert [body["tool_choice"] for body in world.bodies] == [
        {"type": "function", "function": {"name": "weather"}},
        "auto",
    ]


def test_calls_count_also_where_the_model_says_stop(world: World) -> None:
    call = {"id": "a", "type": "function", "function": {"name": "weather", "arguments": '{"town": "Ulm"}'}}
    client = world.client(whole("", "stop", tool_calls=[call]), whole("Sunny"))

    assert world.run(client.ask_with_tools(ASK, [weather])).answer.text == "Sunny"


def test_calls_of_a_cut_answer_are_not_made(world: World) -> None:
    call = {"id": "a", "type": "function", "function": {"name": "weather", "arguments": '{"town": "Ulm"}'}}

    run = world.run(world.client(whole("", "length", tool_calls=[call])).ask_with_tools(ASK, [weather]))

    assert run.answer.finish_reason == "length"
    assert len(world.requests) == 1


def test_rounds_have_a_bound(world: World) -> None:
    client = world.client(*[calling('{"town": "Ulm"}')] * 3)

    with pytest.raises(TextGivenUpError, match="after 3 rounds") as given_up:
        world.run(client.ask_with_tools(ASK, [weather], max_rounds=3))

    assert len(given_up.value.earlier) == len(world.requests) == 3


def test_no_call_is_made_that_could_cost_too_much(world: World) -> None:
    client = world.client(calling('{"town": "Ulm"}'))
    first = client.build({**ASK, "tools": [function_tools([weather])["weather"].tool.model_dump(exclude_none=True)]})

    with pytest.raises(TextGivenUpError, match="max_cost") as given_up:
        world.run(client.ask_with_tools(ASK, [weather], max_cost=first.max_cost.amount))

    assert len(given_up.value.earlier) == len(world.requests) == 1


def test_nothing_is_sent_where_the_first_call_could_cost_too_much(world: World) -> None:
    with pytest.raises(InvalidRequestError, match="may cost up to") as refused:
        world.run(world.client().ask_with_tools(ASK, [weather], max_cost=Decimal("0.0001")))

    assert refused.value.code == "over_max_cost"


def test_a_model_without_a_price_needs_one_for_a_bound(world: World) -> None:
    tier = TextTier(prompt_tokens_max=1000, input=Decimal(1), output=Decimal(1), thinking_output=Decimal(1))
    price = TextPrice(tiers=(tier,), currency="EUR", priced_on=date(2026, 1, 1))
    ask = {**ASK, "model": "any-other-id", "enable_thinking": False}

    with pytest.raises(InvalidRequestError, match="give its price"):
        world.run(world.client().ask_with_tools(ask, [weather], max_cost=Decimal(1)))
    run = world.run(
        world.client(whole(), prices={"any-other-id": price}).ask_with_tools(ask, [weather], max_cost=Decimal(1))
    )

    assert (run.cost.amount, run.cost.currency) == (Decimal("0.0011"), "EUR")


def test_a_call_that_fails_keeps_what_was_paid_for_before(world: World) -> None:
    client = world.client(calling('{"town": "Ulm"}'), httpx.Response(500, json={}))

    with pytest.raises(TextServerError) as failed:
        world.run(client.ask_with_tools(ASK, [weather]))

    assert [answer.usage.prompt_tokens for answer in failed.value.earlier] == [USAGE["prompt_tokens"]]


def unnamed(*towns: str) -> str:
    """Not to be called by name."""
    return str(towns)


def untyped(town) -> str:  # type: ignore[no-untyped-def]  # noqa: ANN001
    """Its argument may be anything."""
    return str(town)


def search(town: str) -> str:
    """A name that the service keeps for itself."""
    return town


@pytest.mark.parametrize("function", [unnamed, untyped, search, lambda: 1])
def test_a_function_that_cannot_be_a_tool_is_refused(world: World, function: Any) -> None:  # noqa: ANN401
    with pytest.raises(InvalidRequestError, match="cannot be a tool"):
        world.run(world.client().ask_with_tools(ASK, [function]))


def test_functions_may_be_asynchronous_where_the_client_is() -> None:
    async def later(town: str) -> str:
        await asyncio.sleep(0)
        return town.upper()

    bodies: list[Any] = []

    def handle(request: httpx.Request) -> httpx.Response:
        bodies.append(json.loads(request.content))
        return whole("Done") if len(bodies) > 1 else calling('{"town": "ulm"}', name="later")

    async def run() -> str:
        async with AsyncQwenClient({"api_key": "k", "transport": httpx.MockTransport(handle)}) as client:
            return (await client.ask_with_tools(ASK, [later])).answer.text

    assert asyncio.run(run()) == "Done"
    assert bodies[1]["messages"][-1]["content"] == "ULM"
    with pytest.raises(InvalidRequestError, match="AsyncQwenClient"):
        QwenClient({"api_key": "k"}).ask_with_tools(ASK, [later])


class Town(BaseModel):
    """What is asked for."""

    name: str
    size: Literal["small", "large"]


FITTING = '{"name": "Ulm", "size": "small"}'


@pytest.mark.parametrize("text", [FITTING, f"```json\n{FITTING}\n```", f"\n```\n{FITTING}```\n"])
def test_an_answer_becomes_an_object(world: World, text: str) -> None:
    found = world.run(world.client(whole(text)).ask_object(ASK, Town))

    assert found.value == Town(name="Ulm", size="small")
    assert found.cost.amount == CALL_COST
    sent = world.bodies[0]
    assert sent["response_format"] == {"type": "json_object"}
    assert '"enum":["small","large"]' in sent["messages"][0]["content"]


def test_a_model_with_a_schema_mode_gets_schema_and_word(world: World) -> None:
    ask = {"model": "qwen3.7-plus", "system": "Be brief.", "prompt": "A town."}

    world.run(world.client(whole(FITTING)).ask_object(ask, Town))

    sent = world.bodies[0]
    assert sent["response_format"]["json_schema"]["name"] == "Town"
    assert sent["messages"][0]["content"] == "Be brief.\n\nAnswer with JSON."
    assert sent["enable_thinking"] is False


def test_an_answer_that_does_not_fit_goes_back_with_what_is_wrong(world: World) -> None:
    client = world.client(whole("Ulm"), whole('{"name": "Ulm", "size": "huge"}'), whole(FITTING))

    found = world.run(client.ask_object(ASK, Town))

    assert found.value.size == "small"
    assert len(found.answers) == 3
    assert found.cost.amount == 3 * CALL_COST
    last = [message["content"] for message in world.bodies[2]["messages"]][-4:]
    assert last[0] == "Ulm"
    assert "the whole: Invalid JSON" in last[1][0]["text"]
    assert "size: Input should be 'small' or 'large'" in last[3][0]["text"]


def test_repairs_have_a_bound(world: World) -> None:
    client = world.client(*[whole("Ulm")] * 3)

    with pytest.raises(TextGivenUpError, match="after 2 repairs") as given_up:
        world.run(client.ask_object(ASK, Town))

    assert len(given_up.value.earlier) == len(world.requests) == 3


def test_a_cut_answer_is_not_repaired(world: World) -> None:
    with pytest.raises(TextGivenUpError, match="cut") as given_up:
        world.run(world.client(whole(FITTING[:9], "length")).ask_object(ASK, Town))

    assert len(given_up.value.earlier) == 1


def test_json_does_not_go_with_thoughts(world: World) -> None:
    with pytest.raises(InvalidRequestError, match="while it thinks"):
        world.run(world.client().ask_object({**ASK, "enable_thinking": True}, Town))
