"""Tokens as money."""

from __future__ import annotations

from decimal import Decimal

import pytest

from reelqueue.catalog.text_price_list import TEXT_PRICES
from reelqueue.qwen import Usage, build_text, parse_text_request
from reelqueue.qwen.cost import cost_of, price_of
from reelqueue.qwen.usage import read_usage

SINGAPORE = "ap-southeast-1"


def cost(model: str, usage: Usage | None) -> Decimal:
    """What a call has cost in Singapore."""
    price = price_of(model, SINGAPORE)
    assert price
    assert usage
    return cost_of(usage, price).amount


def test_a_call_with_an_explicit_cache_costs_what_the_price_list_says() -> None:
    usage = read_usage(
        {
            "prompt_tokens": 3600,
            "completion_tokens": 30,
            "prompt_tokens_details": {
                "cached_tokens": 1600,
                "cache_creation_input_tokens": 1900,
                "cache_type": "ephemeral",
            },
        }
    )

    assert cost("qwen-plus", usage) == Decimal("0.001090")


def test_a_hit_by_chance_costs_twice_one_by_marker() -> None:
    usage = Usage(prompt_tokens=1_000_0, completion_tokens=0, cached_tokens=10_000)

    assert cost("qwen-plus", usage) == Decimal("0.0008")


@pytest.mark.parametrize(
    ("prompt_tokens", "per_million"), [(262_144, "0.40"), (262_145, "1.20"), (900_000, "1.20"), (5_000_000, "1.20")]
)
def test_the_whole_prompt_chooses_the_tier(prompt_tokens: int, per_million: str) -> None:
    amount = cost("qwen-plus", Usage(prompt_tokens=prompt_tokens, completion_tokens=0))

    assert amount == prompt_tokens * Decimal(per_million) / 1_000_000


def test_thoughts_have_their_price_only_where_some_came() -> None:
    told = {"prompt_tokens": 0, "completion_tokens": 1_000_000}

    assert cost("qwen-plus", read_usage(told)) == Decimal("1.20")
    assert cost("qwen-plus", read_usage(told, thought=True)) == Decimal("4.00")
    assert cost("qwen-plus", read_usage(told | {"completion_tokens_details": {"reasoning_tokens": 5}})) == Decimal(
        "4.00"
    )


@pytest.mark.parametrize(
    ("document", "usage"),
    [
        ({"prompt_tokens": "20", "completion_tokens": 3.0}, Usage(20, 3)),
        ({"prompt_tokens": 20}, Usage(20, 0)),
        ({"prompt_tokens": -4, "completion_tokens": 3}, Usage(0, 3)),
        ({"prompt_tokens": 20, "completion_tokens": "?", "prompt_tokens_details": None}, Usage(20, 0)),
        (
            {"prompt_tokens": 20, "prompt_tokens_details": {"cache_creation": {"ephemeral_5m_input_tokens": 7}}},
            Usage(20, 0, written_tokens=7),
        ),
        ({"prompt_tokens": float("inf")}, None),
        ({}, None),
        ([], None),
        (None, None),
    ],
)
def test_usage_is_read_leniently(document: object, usage: Usage | None) -> None:
    assert read_usage(document) == usage


def test_input_at_its_plain_price_is_never_below_nothing() -> None:
    assert Usage(prompt_tokens=10, completion_tokens=0, cached_tokens=60).plain_tokens == 0


@pytest.mark.parametrize("model", sorted(TEXT_PRICES[SINGAPORE]))
@pytest.mark.parametrize("options", [{}, {"max_output_tokens": 100}, {"thinking_budget": 100}])
def test_no_call_costs_more_than_the_most_it_may(model: str, options: dict[str, int]) -> None:
    built = build_text(parse_text_request({"model": model, "prompt": "ä" * 5000, **options}))
    assert built.max_cost
    output = options.get("max_output_tokens", 8192) + (options.get("thinking_budget", 0))

    usage = Usage(prompt_tokens=10_000, completion_tokens=output, has_thoughts="thinking_budget" in options)

    assert built.max_cost.is_estimate
    assert cost(model, usage) <= built.max_cost.amount


def test_marked_input_may_all_be_written_to_the_cache() -> None:
    system = {"role": "system", "content": "a" * 4000}
    plain = {"model": "qwen-plus", "messages": [system, {"role": "user", "content": "b"}], "max_output_tokens": 1}
    marked = plain | {"messages": [system | {"cache_control": "ephemeral"}, {"role": "user", "content": "b"}]}

    without, with_marker = (build_text(parse_text_request(each)).max_cost for each in (plain, marked))

    assert without
    assert with_marker
    assert with_marker.amount > without.amount * Decimal("1.2")
