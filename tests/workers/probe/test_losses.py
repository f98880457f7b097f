"""Answers that are lost, refused or late while the probe spends money."""

from __future__ import annotations

from decimal import Decimal
from random import Random

import pytest

from reelqueue.states import TERMINAL, RenderState
from simulator.store.fault import Fault, Operation
from tests.support.probed import Probed, probing
from workers.dashscope import NoAnswerError
from workers.probe.lab import Lab
from workers.probe.paid import tasks
from workers.probe.paid.renders import Renders
from workers.probe.run import ask_free

TROUBLE: dict[Operation, list[str]] = {
    "submit": ["no-task-id", "error", "gateway-page", "html", "empty", "truncated", "flat-error", "duplicate-task-id"],
    "query": ["error", "html", "unknown", "going-back", "no-usage", "no-url", "text-numbers", "failed"],
    "list": ["cut-page", "no-rows", "error", "html"],
    "result": ["short-file", "not-media", "error"],
}
OVER = TERMINAL | {RenderState.SUBMITTING, RenderState.NEEDS_REVIEW}


def spoil(probed: Probed, operation: Operation, kind: str, count: int = 1, skip: int = 0) -> None:
    """Script a fault."""
    probed.stage.simulator.faults.add(Fault(operation, kind, phase="after", count=count, skip=skip))


def test_a_lost_answer_is_never_submitted_again(database_url: str) -> None:
    with probing(database_url, listing={"lag_seconds": 86_000}) as probed:
        spoil(probed, "submit", "no-task-id")

        probed.run("0.10")

        assert probed.submits() == 1
        assert set(probed.states()) <= {RenderState.SUBMITTING, RenderState.NEEDS_REVIEW}
        assert any(line.startswith("review ") for line in probed.lines)
        assert probed.answers()["list-lag"] is None
        assert probed.broken() == []


def test_a_lost_answer_whose_task_is_listed_is_adopted_and_answers_the_rest(database_url: str) -> None:
    with probing(database_url) as probed:
        spoil(probed, "submit", "no-task-id")

        probed.run("0.10")

        assert (probed.submits(), probed.billed()) == (1, Decimal("0.1"))
        assert probed.states() == [RenderState.SUCCEEDED]
        assert probed.answers()["echo-when"] == "at its end"


def test_a_refused_submit_is_not_repeated(database_url: str) -> None:
    with probing(database_url, is_in_arrears=True) as probed:
        probed.run("0.10")

        assert (probed.submits(), probed.billed()) == (1, Decimal(0))
        assert probed.states() == [RenderState.CANCELLED]
        assert probed.answers()["submit-fields"] is None


def test_a_task_that_the_provider_fails_is_not_rendered_again(database_url: str) -> None:
    with probing(database_url) as probed:
        spoil(probed, "query", "failed", count=100)

        probed.run("0.10")

        assert probed.submits() == 1
        assert probed.states()[0] in {RenderState.CANCELLED, RenderState.FAILED}


@pytest.mark.parametrize("seed", range(4))
def test_whatever_goes_wrong_the_amount_and_one_submit_a_clip_hold(database_url: str, seed: int) -> None:
    draw = Random(seed)  # noqa: S311 - what goes wrong
    with probing(database_url, listing={"lag_seconds": draw.choice([0, 0, 30, 86_000])}) as probed:
        for operation, kinds in TROUBLE.items():
            for kind in draw.sample(kinds, 2):
                spoil(probed, operation, kind, count=draw.randint(1, 3), skip=draw.randint(0, 6))

        probed.run(amount := draw.choice(["0.15", "0.45", "1.00"]))

        assert probed.billed() <= Decimal(amount)
        assert probed.submits() <= len(probed.clips)
        assert probed.broken() == []
        assert all(clip.state in OVER for clip in probed.clips)


@pytest.mark.parametrize("amount", ["0", "0.04"])
def test_too_small_an_amount_renders_nothing_and_answers_what_is_free(database_url: str, amount: str) -> None:
    with probing(database_url) as probed:
        probed.run(amount)

        assert (probed.submits(), probed.states()) == (0, [])
        assert probed.answers()["unknown-id"] == "200 UNKNOWN"
        assert probed.answers()["echo-when"] is None


def test_a_stopped_probe_cancels_what_was_not_sent(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with probing(database_url) as probed:
        monkeypatch.setattr(Renders, "_work", stop)

        probed.run("0.10")

        assert (probed.submits(), probed.states()) == (0, [RenderState.CANCELLED])
        assert any(line.startswith("stopped: ") for line in probed.lines)
        assert probed.answers()["unknown-id"] == "200 UNKNOWN"


def test_a_step_that_is_not_understood_leaves_the_next_one_its_turn(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def confused(*_: object) -> None:
        raise TypeError("a list where a number is meant")

    with probing(database_url) as probed:
        monkeypatch.setattr(tasks, "usage_of", confused)

        probed.run("0.20")

        assert probed.states() == [RenderState.SUCCEEDED] * 2
        assert "  an answer was not understood: TypeError" in probed.lines
        assert probed.answers()["usage-2.6-flash"] is not None


def test_one_answer_that_does_not_come_leaves_the_other_pages_answered(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(_lab: Lab, path: str, **_: object) -> None:
        raise NoAnswerError(f"no answer to {path}")

    with probing(database_url) as probed:
        monkeypatch.setattr(Lab, "cancel", silent)

        ask_free(probed.lab)

        assert probed.lab.findings["unknown-cancel"].reason.startswith("no answer came")
        assert probed.lab.findings["slots-early"].answer == "2"
