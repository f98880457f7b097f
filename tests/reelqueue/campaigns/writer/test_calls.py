"""Calls with a limit: none is made that could cross it, and what each has cost is known."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from reelqueue.campaigns.writer.calls import CountedCalls, TextAnswer, TextCallError, full_price, total_cost
from reelqueue.qwen import TextCost, TextRequest, Usage
from reelqueue.states import FailureClass

ASK = TextRequest(model="qwen-plus", prompt="Name a boat.")
CACHED = Usage(prompt_tokens=10_000, completion_tokens=100, cached_tokens=9_000, is_explicit_cache=True)


def money(amount: str, *, is_estimate: bool = False) -> TextCost:
    return TextCost(Decimal(amount), "USD", date(2026, 2, 24), is_estimate)


class Priced:
    """Each call may cost 1, and costs 0.25; a call named lost may have cost all of it."""

    def __init__(self, most: TextCost | None) -> None:
        self.count = 0
        self._most = most

    def most(self, _: TextRequest) -> TextCost | None:
        return self._most

    def ask(self, name: str, _: TextRequest) -> TextAnswer:
        self.count += 1
        if name == "lost":
            raise TextCallError(name, "no answer", FailureClass.PROVIDER, money("1", is_estimate=True))
        return TextAnswer("Swan", CACHED, money("0.25"))


def test_no_call_is_made_that_could_cross_the_limit() -> None:
    priced = Priced(money("1"))
    calls = CountedCalls(priced, Decimal("1.25"))

    calls.ask("one", ASK)
    calls.ask("two", ASK)
    with pytest.raises(TextCallError, match="--max-text-cost"):
        calls.ask("three", ASK)

    assert priced.count == 2
    assert [call.name for call in calls.asked] == ["one", "two"]


def test_a_lost_call_counts_as_the_most_that_it_may_have_cost() -> None:
    calls = CountedCalls(Priced(money("1")), Decimal("1.5"))

    with pytest.raises(TextCallError, match="no answer"):
        calls.ask("lost", ASK)
    with pytest.raises(TextCallError, match="--max-text-cost"):
        calls.ask("one", ASK)

    assert total_cost(calls.asked) == money("1", is_estimate=True)


def test_without_a_price_no_limit_can_be_kept() -> None:
    priced = Priced(None)

    with pytest.raises(TextCallError):
        CountedCalls(priced, Decimal(1)).ask("one", ASK)
    assert CountedCalls(priced).ask("one", ASK).text == "Swan"


def test_what_the_cache_saved_is_the_difference_to_the_plain_price() -> None:
    calls = CountedCalls(Priced(money("1")))
    calls.ask("one", ASK)

    assert full_price(calls.asked, "qwen-plus") == Decimal("0.00412")
    assert full_price(calls.asked, "my-own") is None
