"""What a question is, what was found, and how the two compare with the simulator.

An answer is a short text in words of our own, so that it can be compared, printed and handed on: names, numbers and
codes of the provider go into it only through :func:`named`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

Patch = Mapping[str, Any]
"""A part of the simulator's configuration."""

_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,59}")
UNNAMED: Final = "something else"


class Verdict(StrEnum):
    """How an answer compares with what the simulator assumes."""

    SAME = "same"
    DIFFERS = "differs"
    NEW = "new"
    """The simulator assumes nothing."""
    OPEN = "open"
    """It was not answered."""


@dataclass(frozen=True)
class Question:
    """One thing that the documentation leaves open, or that has never been seen with a key."""

    id: str
    asks: str
    page: str
    """The page of the provider's documentation, and what it lacks."""
    assumed: str | None = None
    """The simulator's answer; None: it has none that could be compared."""
    play: Callable[[Any], Patch] | None = None
    """What makes the simulator answer as the provider did, from the finding's value; None: nothing does."""


@dataclass(frozen=True)
class Finding:
    """What was found out."""

    answer: str | None
    """None: nothing."""
    value: Any = None
    """For :attr:`Question.play`; None: there is nothing to play."""
    reason: str = ""
    """Why nothing was found out."""


def verdict(question: Question, finding: Finding) -> Verdict:
    """How a finding compares with the simulator."""
    if finding.answer is None:
        return Verdict.OPEN
    if question.assumed is None:
        return Verdict.NEW
    return Verdict.SAME if finding.answer == question.assumed else Verdict.DIFFERS


def named(value: object) -> str:
    """A name, code or field of the provider's, if it looks like one; anything else may be a secret."""
    return value if isinstance(value, str) and _NAME.fullmatch(value) else UNNAMED


def listed(names: object) -> str:
    """Several names in alphabetical order, or ``none``."""
    found = sorted({named(name) for name in names}) if isinstance(names, list | tuple | set | frozenset) else []
    return ", ".join(found) or "none"


def rounded(seconds: float) -> int:
    """A length of time to 5 seconds, which two measurements of the same agree on."""
    return max(5 * round(seconds / 5), 5)


def near(seconds: float, limit: float) -> str:
    """A length of time that is only interesting beyond a limit."""
    return f"under {limit:g} s" if seconds < limit else f"{rounded(seconds)} s"
