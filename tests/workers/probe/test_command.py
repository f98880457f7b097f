"""``python -m workers probe``: what it shows and refuses before anything is sent."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from models import Campaign, RenderJob
from tests.support.commands import Run

NOWHERE = "http://127.0.0.1:9"
"""Where no one listens: what asks there says so."""


def test_a_dry_run_shows_each_step_with_its_cost_and_sends_nothing(run: Run, own_engine: Engine) -> None:
    ended = run("probe", "--spend-max", "1.00", "--dry-run", ALIBABA_API_KEY="sk-x", REELQUEUE_VIDEO_BASE_URL=NOWHERE)

    assert (ended.exit_code, ended.out.splitlines()[-1]) == (0, "nothing was sent")
    assert "0.30     3 x wan2.2-t2v-plus: one render more than there are slots" in ended.out
    assert "0.95     USD at most, of 1.00" in ended.out
    assert max(map(len, ended.out.splitlines())) <= 80
    with Session(own_engine) as session:
        assert (session.query(RenderJob).count(), session.query(Campaign).count()) == (0, 0)


def test_steps_that_the_amount_does_not_pay_for_are_named(run: Run) -> None:
    ended = run("probe", "--spend-max", "0.10", "--dry-run", ALIBABA_API_KEY="sk-x", REELQUEUE_VIDEO_BASE_URL=NOWHERE)

    assert " ".join(ended.out.split()).count("do not pay for it") == 5
    assert "0.10     USD at most, of 0.10" in ended.out


def test_without_a_key_nothing_is_asked(run: Run) -> None:
    ended = run("probe", ALIBABA_API_KEY="", DASHSCOPE_API_KEY="", REELQUEUE_VIDEO_BASE_URL=NOWHERE)

    assert (ended.exit_code, ended.out) == (1, "")
    assert "no API key; set ALIBABA_API_KEY" in ended.err


def test_a_plan_key_is_refused_with_the_reason(run: Run) -> None:
    ended = run("probe", ALIBABA_API_KEY="sk-sp-canary", REELQUEUE_VIDEO_BASE_URL=NOWHERE)

    assert ended.exit_code == 1
    assert "the provider's terms forbid automation" in ended.err
    assert "canary" not in ended.err


def test_money_is_spent_only_after_a_yes(run: Run, own_engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("n\n"))

    ended = run("probe", "--spend-max", "1.00", ALIBABA_API_KEY="sk-x", REELQUEUE_VIDEO_BASE_URL=NOWHERE)

    assert ended.exit_code == 1
    assert "spend at most 0.95 USD?" in ended.out
    with Session(own_engine) as session:
        assert session.query(RenderJob).count() == 0


@pytest.mark.parametrize("name", ["missing/capture.json", "."], ids=["no folder", "a folder"])
def test_a_capture_that_cannot_be_written_is_refused_before_anything_is_asked(
    run: Run, tmp_path: Path, name: str
) -> None:
    place = str(tmp_path / name)

    ended = run("probe", "--capture", place, ALIBABA_API_KEY="sk-x", REELQUEUE_VIDEO_BASE_URL=NOWHERE)

    assert (ended.exit_code, "cannot be reached" in ended.out) == (2, False)
    assert "cannot be written" in ended.err


def test_an_amount_that_is_none_is_refused(run: Run) -> None:
    for amount in ("one", "-1", "NaN", "1001"):
        assert run("probe", "--spend-max", amount).exit_code == 2


def test_an_account_that_does_not_exist_is_named(run: Run) -> None:
    ended = run("probe", "--account", "other", ALIBABA_API_KEY="sk-x")

    assert (ended.exit_code, "there is no account named other" in ended.err) == (1, True)


def test_a_host_that_does_not_answer_leaves_every_question_open(run: Run) -> None:
    ended = run("probe", ALIBABA_API_KEY="sk-x", REELQUEUE_VIDEO_BASE_URL=NOWHERE)

    assert ended.exit_code == 0
    assert ended.out.splitlines()[-1].startswith("0 differs, 0 new, 0 same, ")
    assert "cannot be reached" in ended.out
