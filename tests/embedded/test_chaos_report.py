"""What a chaos run says at its end, and how it comes to a verdict."""

from __future__ import annotations

from decimal import Decimal

import pytest

from embedded.chaos.cases import CASES
from embedded.chaos.reconcile_bill import CheckResult
from embedded.chaos.report import Report
from embedded.chaos.rounds import Round
from embedded.chaos.text_check import TextResult

PLAYED = Round(CASES[0], crash_count=3, fault_count=1, healed_seconds=2.0, regained_seconds=4.0)


def make_report(result: CheckResult) -> Report:
    clips = dict.fromkeys(["order-1", "order-2"], str(CASES[0]))
    return Report([PLAYED, PLAYED], result, clips, {"text-1": str(CASES[0])}, seconds=90)


def test_a_good_run_says_what_it_counted() -> None:
    report = make_report(CheckResult())

    assert report.is_good
    assert str(report) == (
        "good · 6 crashes and 2 other faults in 1.5 min · 2 clips · lost 0 · duplicates 0 · unaccounted 0 s "
        "· 1 texts · lost 0 · sent too often 0 · batches made twice 0 · audit clean "
        "· 90 % again after 4.0 / 4.0 s (median / most)"
    )


@pytest.mark.parametrize(
    "result",
    [
        CheckResult(lost=["order-1"]),
        CheckResult(duplicates=["order-1"]),
        CheckResult(findings=["one_open_attempt: [...]"]),
        CheckResult(unaccounted_seconds=Decimal(5)),
        CheckResult(texts=TextResult(lost=["text-1"])),
        CheckResult(texts=TextResult(sent_too_often=["text-1"])),
        CheckResult(texts=TextResult(made_twice=["reelqueue-1"])),
        CheckResult(texts=TextResult(findings=["text_bill_agrees: [...]"])),
    ],
)
def test_anything_wrong_makes_it_a_bad_run(result: CheckResult) -> None:
    report = make_report(result)

    assert not report.is_good
    assert str(report).startswith("BAD")


def test_a_run_that_did_not_heal_is_a_bad_one() -> None:
    assert not Report(problem="not within 60 s").is_good


def test_the_table_blames_the_case_in_which_a_clip_was_ordered() -> None:
    texts = TextResult(lost=["text-1"])
    report = make_report(CheckResult(lost=["order-2"], duplicates=["order-1", "order-1"], texts=texts))

    [cells] = zip(*(column.cells for column in report.table().columns), strict=True)

    assert cells == (str(CASES[0]), "2", "8", "2.0 / 2.0", "4.0 / 4.0", "2", "2")
