"""GUARANTEES.md names tests and cases that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from embedded.chaos.cases import CASES

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / "GUARANTEES.md").read_text(encoding="utf-8")
TESTS = sorted(set(re.findall(r"`(tests/[a-z_/]+\.py)::(test_[a-z_0-9]+)`", TEXT)))
PROOF = re.compile(r"`tests/[^`]+`|\bcase \"|\bevery case\b")
NAMED_CASES = sorted(set(re.findall(r'case "([a-z]+: [^"]+)"', TEXT)))


@pytest.mark.parametrize(("path", "name"), TESTS)
def test_a_named_test_exists(path: str, name: str) -> None:
    assert f"def {name}(" in (ROOT / path).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", NAMED_CASES)
def test_a_named_case_exists(name: str) -> None:
    assert name in {str(case) for case in CASES}


def test_every_row_has_one_proof() -> None:
    rows = [line for line in TEXT.splitlines() if line.startswith("| ") and not line.startswith("| promise")]
    promises = [row for row in rows if not row.startswith("| | |")]

    assert len(promises) >= 20
    assert [row for row in rows if len(PROOF.findall(row)) != 1] == []
    assert [row for row in promises if len(row.split(" | ")) != 3] == []
