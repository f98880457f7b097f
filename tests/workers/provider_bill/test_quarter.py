"""The operators' command finds each planted error of a quarter, and nothing else."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from bench.bill_quarter import compare, make_quarter
from tests.conftest import Simulator
from tests.support.commands import Run
from workers.provider_bill.differences import BEIJING


def test_each_planted_error_of_a_quarter_is_named_by_its_rule(database_url: str, tmp_path: Path) -> None:
    quarter = make_quarter(datetime.now(BEIJING), seed=1)

    found = compare(quarter, database_url, tmp_path)

    assert [one.kind for one in quarter.planted if not found.names(one)] == []
    assert found.unplanted(quarter) == []
    assert found.exit_code == 1
    assert "differences are for a person to look at" in found.summary


ACCESS = {"REELQUEUE_BILL_ACCESS_KEY_ID": "simulator", "REELQUEUE_BILL_ACCESS_KEY_SECRET": "simulator"}
REGION = ("--key-env", "ALIBABA_API_KEY", "--region", "ap-southeast-1")
DAYS = ("--from", "2026-11-01", "--to", "2026-11-02")


def test_without_an_access_key_the_command_says_which_one_it_needs(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ACCESS:
        monkeypatch.delenv(name, raising=False)

    ended = run("bill", "reconcile", *DAYS)

    assert ended.exit_code == 1
    assert "REELQUEUE_BILL_ACCESS_KEY_ID" in ended.err
    assert "bssapi:DescribeInstanceBill" in ended.err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--from", "2026-11-02", "--to", "2026-11-01"), "--to 2026-11-01 is before --from 2026-11-02"),
        (("--from", "2024-01-01", "--to", "2026-11-01"), "more than 400 days"),
        (("--from", "2998-12-31", "--to", "2999-01-01"), "has not begun in Beijing"),
        ((*DAYS, "--account", "nowhere"), "there is no account named nowhere; there are none"),
        (DAYS, "there is no account yet"),
    ],
)
def test_a_wrong_question_is_refused_before_anything_is_read(run: Run, words: tuple[str, ...], says: str) -> None:
    ended = run("bill", "reconcile", *words, **ACCESS, REELQUEUE_BILL_URL="http://127.0.0.1:9/bss")

    assert ended.exit_code != 0
    assert says in " ".join(ended.err.replace("│", " ").split())


@pytest.mark.parametrize(
    ("billing", "access", "says"),
    [
        ({"may_read": False}, {}, "grant it bssapi:DescribeInstanceBill"),
        ({}, {"REELQUEUE_BILL_ACCESS_KEY_SECRET": "another"}, "check REELQUEUE_BILL_ACCESS_KEY_SECRET"),
        ({}, {"REELQUEUE_BILL_ACCESS_KEY_ID": "another"}, "check REELQUEUE_BILL_ACCESS_KEY_ID"),
    ],
)
def test_a_key_that_opens_no_bill_is_named(
    run: Run, simulator: Simulator, billing: dict[str, object], access: dict[str, str], says: str
) -> None:
    simulator.control.post("config", json={"billing": billing}).raise_for_status()
    assert run("accounts", "add", "studio", "--base-url", simulator.base_url, *REGION).exit_code == 0

    ended = run("bill", "reconcile", *DAYS, **ACCESS | access | {"REELQUEUE_BILL_URL": f"{simulator.base_url}/bss"})

    assert ended.exit_code == 1
    assert says in ended.err
