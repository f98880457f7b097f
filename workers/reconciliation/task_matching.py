"""What the provider's listing says about a POST whose answer was lost: pure decisions, no input or output.

The listing has no prompt and no tag of ours, so each unknown task in it is asked about, and a task that
has succeeded echoes its prompt:

====================================  ============================================================
unknown tasks in the listing          verdict
====================================  ============================================================
one echoes our prompt                 adopt it
one has ended and echoes nothing,     adopt it: what else can have made it
and no other attempt is in doubt
one is still rendering                ask again: it may be another program's, and will tell at its end
none, or all echo other prompts       absent
anything else                         ask again
====================================  ============================================================

Nothing is adopted on suspicion: a job that followed another program's task would never be rendered, and
would get that program's video. Waiting costs nothing, as the task renders meanwhile.
"""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from reelqueue.states import UNBILLED, TaskStatus
from workers.dashscope import ListedTask, TaskAnswer

ENDED: Final = UNBILLED | {TaskStatus.SUCCEEDED}
# A provider may echo a prompt that it has cut to the model's limit; the shortest documented one is 800.
_CUT_CHARACTERS: Final = 500


@dataclass(frozen=True)
class Stranger:
    """A listed task that no attempt of ours is known to have made."""

    task: ListedTask
    answer: TaskAnswer
    """What it says of itself."""

    @property
    def is_silent(self) -> bool:
        """Whether it tells no prompt: before its end, and where it failed."""
        return self.answer.orig_prompt is None

    @property
    def has_ended(self) -> bool:
        """Whether it will say no more than it does now."""
        return self.answer.status in ENDED


@dataclass(frozen=True)
class Doubt:
    """What is known of the attempt in question."""

    prompt: str | None
    rival_count: int
    """Other attempts of the lane that nobody knows the outcome of, at about the same time, and forgotten ones."""
    twin_count: int
    """Those of them that have the same prompt with other options, so that no echo tells them apart."""


@dataclass(frozen=True)
class Adopt:
    """The attempt made this task."""

    task: ListedTask


@dataclass(frozen=True)
class Absent:
    """No trace in this listing."""

    clocks_moved: timedelta = timedelta(0)
    """How far the provider's clock and the database's have moved against each other since the submit."""


@dataclass(frozen=True)
class Unclear:
    """The listing cannot tell, or would not answer."""

    reason: str
    has_candidates: bool = False
    """Whether it showed a task that may be the attempt's."""


Finding = Adopt | Absent | Unclear


def judge(doubt: Doubt, strangers: Sequence[Stranger]) -> Finding:
    """Which of the unknown tasks the attempt made, if any.

    Args:
        doubt: The attempt.
        strangers: The window's tasks that no attempt of ours is known to have made.
    """
    ours = [one for one in strangers if doubt.prompt and is_echo(doubt.prompt, one.answer.orig_prompt)]
    silent = [one for one in strangers if one.is_silent]
    if ours and doubt.twin_count:
        reason = f"{_named(ours)} echo a prompt that {doubt.twin_count} others have with other options"
        return Unclear(reason, has_candidates=True)
    if ours:
        # Several with the same prompt are as good as each other: each rival adopts another one.
        return Adopt(ours[0].task)
    if not silent:
        return Absent()
    if len(silent) == 1 and silent[0].has_ended and not doubt.rival_count:
        return Adopt(silent[0].task)
    reason = f"{_named(silent)} may be this one, one of {doubt.rival_count} other attempts' or another program's"
    return Unclear(reason, has_candidates=True)


def is_echo(prompt: str, echoed: str | None) -> bool:
    """Whether a task's echo is our prompt, also where the provider has tidied or cut it.

    A false no would buy the same video again, a false yes gives a job the video of nearly the same prompt.
    """
    return echoed is not None and bool(Echoes([echoed]).of(prompt))


class Echoes:
    """What tasks echo, to look up many prompts in: each text is normalised once."""

    def __init__(self, echoes: Iterable[str]) -> None:
        """Normalise the echoes."""
        self._alike: defaultdict[str, set[str]] = defaultdict(set)
        for echo in echoes:
            self._alike[_tidy(echo)].add(echo)
        self._cut = tuple(back for back in self._alike if len(back) >= _CUT_CHARACTERS)

    def of(self, prompt: str) -> frozenset[str]:
        """Those that are a prompt's, by the meaning of :func:`is_echo`."""
        sent = _tidy(prompt)
        whole = frozenset(self._alike.get(sent, ()))
        if not sent.startswith(self._cut):  # which is one call, and the answer for nearly every prompt
            return whole
        return whole.union(*(self._alike[back] for back in self._cut if sent.startswith(back)))


def _tidy(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).split())


def _named(strangers: Sequence[Stranger]) -> str:
    shown = ", ".join(one.task.provider_task_id for one in strangers[:3])
    more = f" and {len(strangers) - 3} more" if len(strangers) > 3 else ""
    return f"task{'s' if len(strangers) > 1 else ''} {shown}{more}"
