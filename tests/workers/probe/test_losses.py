"""Answers that are lost, refused or late while the probe spends money."""

from __future__ import annotations

from decimal import Decimal

import pytest

from reelqueue.states import RenderState
from simulator.store.fault import Fault
from tests.support.probed import Probed, probing
from workers.dashscope import NoAnswerError
from workers.probe.lab import Lab
from workers.probe.paid import tasks
from workers.probe.paid.renders import Renders
from workers.probe.run import ask_free


def spoil(probed: Probed, operation: str, kind: str, count: int = 1) -> None:
    """Script a fault."""
    probed.stage.simulator.faults.add(Fault(operation, kind, phase="after", count=count))


def test_a_lost_answer_is_never_submitted_again() -> None:
    with probing(listing={"lag_seconds": 86_000}) as probed:
        spoil(probed, "submit", "no-task-id")

        probed.run("0.10")

        assert probed.submits() == 1
        assert set(probed.states()) <= {RenderState.SUBMITTING, RenderState.NEEDS_REVIEW}
        assert any(line.startswith("review ") for line in probed.lines)
        assert probed.answers()["list-lag"] is None
        assert probed.broken() == []


def test_a_lost_answer_whose_task_is_listed_is_adopted_and_answers_the_rest() -> None:
    with probing() as probed:
        spoil(probed, "submit", "no-task-id")

        probed.run("0.10")

        assert (probed.submits(), probed.billed()) == (1, Decimal("0.1"))
        assert probed.states() == [RenderState.SUCCEEDED]
        assert probed.answers()["echo-when"] == "at its end"


def test_a_refused_submit_is_not_repeated() -> None:
    with probing(is_in_arrears=True) as probed:
        probed.run("0.10")

        assert (probed.submits(), probed.billed()) == (1, Decimal(0))
        assert probed.states() == [RenderState.CANCELLED]
        assert probed.answers()["submit-fields"] is None


def test_a_task_that_the_provider_fails_is_not_rendered_again() -> None:
    with probing() as probed:
        spoil(probed, "query", "failed", count=100)

        probed.run("0.10")

        assert probed.submits() == 1
        assert probed.states()[0] in {RenderState.CANCELLED, RenderState.FAILED}


@pytest.mark.parametrize("amount", ["0", "0.04"])
def test_too_small_an_amount_renders_nothing_and_answers_what_is_free(amount: str) -> None:
    with probing() as probed:
        probed.run(amount)

        assert (probed.submits(), probed.states()) == (0, [])
        assert probed.answers()["unknown-id"] == "200 UNKNOWN"
        assert probed.answers()["echo-when"] is None


def test_a_probe_that_is_stopped_cancels_what_was_not_sent_and_reports_the_rest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with probing() as probed:
        monkeypatch.setattr(Renders, "_work", stop)

        probed.run("0.10")

        assert (probed.submits(), probed.states()) == (0, [RenderState.CANCELLED])
        assert any(line.startswith("stopped: ") for line in probed.lines)
        assert probed.answers()["unknown-id"] == "200 UNKNOWN"


def test_a_step_that_is_not_understood_leaves_the_next_one_its_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    def confused(*_: object) -> None:
        raise TypeError("a list where a number is meant")

    with probing() as probed:
        monkeypatch.setattr(tasks, "usage_of", confused)

        probed.run("0.20")

        assert probed.states() == [RenderState.SUCCEEDED] * 2
        assert "  an answer was not understood: TypeError" in probed.lines
        assert probed.answers()["usage-2.6-flash"] is not None


def test_one_answer_that_does_not_come_leaves_the_other_pages_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    def silent(_lab: Lab, path: str, **_: object) -> None:
        raise NoAnswerError(f"no answer to {path}")

    with probing() as probed:
        monkeypatch.setattr(Lab, "cancel", silent)

        ask_free(probed.lab)

        assert probed.lab.findings["unknown-cancel"].reason.startswith("no answer came")
        assert probed.lab.findings["slots-early"].answer == "2"
