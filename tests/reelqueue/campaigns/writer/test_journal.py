"""Calls with a journal: what was answered is never asked again, and what was lost once more at most."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import httpx
import pytest

from reelqueue.campaigns.writer.texts.calls import CountedCalls, TextCallError
from reelqueue.campaigns.writer.texts.journal import JournaledCalls
from reelqueue.qwen import QwenClient, TextRequest
from reelqueue.states import FailureClass
from tests.reelqueue.qwen.conftest import whole

ASK = TextRequest(model="qwen-plus", prompt="Name a boat.")


class Posts:
    """Answers POSTs, one after the other, and counts them."""

    def __init__(self, *answers: httpx.Response | Exception | Callable[[], httpx.Response]) -> None:
        self.count = 0
        self._answers = list(answers)

    def __call__(self, _: httpx.Request) -> httpx.Response:
        self.count += 1
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, httpx.Response) else answer()


def calls(path: Path, posts: Posts) -> JournaledCalls:
    transport = httpx.MockTransport(posts)
    return JournaledCalls(QwenClient({"api_key": "sk-test", "transport": transport}), path)


def test_an_answer_is_paid_for_once(tmp_path: Path) -> None:
    posts = Posts(whole("Ada"))

    first = calls(tmp_path / "texts.jsonl", posts).ask("name", ASK)
    again = calls(tmp_path / "texts.jsonl", posts).ask("name", ASK)

    assert first == again
    assert (first.text, posts.count) == ("Ada", 1)
    assert first.cost is not None
    assert first.cost.amount == Decimal("0.00052")


def test_another_request_or_name_is_another_call(tmp_path: Path) -> None:
    posts = Posts(whole("Ada"), whole("Bob"), whole("Cy"))
    asking = calls(tmp_path / "texts.jsonl", posts)

    texts = [
        asking.ask("name", ASK).text,
        asking.ask("other", ASK).text,
        asking.ask("name", ASK.model_copy(update={"seed": 1})).text,
    ]

    assert texts == ["Ada", "Bob", "Cy"]


def test_a_call_stands_in_the_journal_before_it_is_sent(tmp_path: Path) -> None:
    path = tmp_path / "texts.jsonl"

    def killed() -> httpx.Response:
        assert json.loads(path.read_text())["event"] == "sent"
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        calls(path, Posts(killed)).ask("name", ASK)
    posts = Posts(whole("Ada"))
    answer = calls(path, posts).ask("name", ASK)

    assert posts.count == 1
    assert answer.cost is not None
    assert answer.cost.is_estimate  # the lost one may have cost the most that a call can


def test_a_call_that_was_lost_twice_is_not_made_again(tmp_path: Path) -> None:
    path, posts = tmp_path / "texts.jsonl", Posts(*[httpx.ReadError("gone")] * 2)
    for _ in range(2):
        with pytest.raises(TextCallError) as lost:
            calls(path, posts).ask("name", ASK)
        assert lost.value.cost is not None

    with pytest.raises(TextCallError, match="lost 2 times"):
        calls(path, posts).ask("name", ASK)
    assert posts.count == 2


def test_a_call_that_was_lost_twice_in_one_run_is_not_made_again(tmp_path: Path) -> None:
    posts = Posts(*[httpx.ReadError("gone")] * 3)
    asking = calls(tmp_path / "texts.jsonl", posts)

    for _ in range(3):
        with pytest.raises(TextCallError):
            asking.ask("name", ASK)

    assert posts.count == 2


def test_a_refused_call_may_be_made_again(tmp_path: Path) -> None:
    refused = {"error": {"code": "data_inspection_failed", "message": "Input data may contain inappropriate content."}}
    posts = Posts(*[httpx.Response(400, json=refused) for _ in range(3)], whole("Ada"))
    for _ in range(3):
        with pytest.raises(TextCallError) as error:
            calls(tmp_path / "texts.jsonl", posts).ask("name", ASK)
        assert (error.value.failure, error.value.cost) == (FailureClass.MODERATION, None)

    assert calls(tmp_path / "texts.jsonl", posts).ask("name", ASK).text == "Ada"


def test_a_throttled_call_waits_and_is_made_again(tmp_path: Path) -> None:
    throttled = {"error": {"code": "limit_requests", "message": "You exceeded your current requests limit."}}
    waits: list[float] = []
    posts = Posts(httpx.Response(429, json=throttled), httpx.Response(429, json=throttled), whole("Ada"))
    asking = calls(tmp_path / "texts.jsonl", posts)
    asking.sleep = waits.append

    answer = asking.ask("name", ASK)

    assert (answer.text, posts.count, len(waits)) == ("Ada", 3, 2)
    assert answer.cost is not None
    assert not answer.cost.is_estimate


def test_a_line_that_was_cut_by_a_kill_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "texts.jsonl"
    calls(path, Posts(whole("Ada"))).ask("name", ASK)
    lines = path.read_text().splitlines()
    path.write_text(f"{lines[0]}\n{lines[1][:40]}")
    posts = Posts(whole("Bob"), whole("Cy"))

    asking = calls(path, posts)

    assert asking.ask("name", ASK).text == "Bob"
    assert calls(path, posts).ask("name", ASK).text == "Bob"
    assert posts.count == 1


def test_no_call_is_made_that_could_cross_the_limit(tmp_path: Path) -> None:
    posts = Posts(whole("Ada"), whole("Bob"))
    asking = calls(tmp_path / "texts.jsonl", posts)
    most = asking.most(ASK)
    assert most is not None
    limited = CountedCalls(asking, most.amount)

    limited.ask("one", ASK)
    with pytest.raises(TextCallError, match="--max-text-cost"):
        limited.ask("two", ASK)

    assert posts.count == 1
    assert [call.name for call in limited.asked] == ["one"]
