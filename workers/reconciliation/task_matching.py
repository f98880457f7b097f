"""What the provider's listing says about POSTs whose answers were lost: pure decisions, no input or output.

The listing has no prompt and no tag of ours, so each unknown task in it is asked about, and a task that has
succeeded echoes its prompt and says how long and how large its result is. Other undecided attempts of the model may
have made it as well. Attempts that sent the very same bytes are interchangeable: it does not matter which of them
gets which task, only that each gets one.

==========================================================  ====================================================
unknown tasks that may be ours                              verdict
==========================================================  ====================================================
one echoes our prompt, and all others that sent it sent     adopt it, where no more of them do than there are
the very same, or asked for another length or size than     such attempts
its result has
no task, or all echo other prompts                          absent
one is still rendering                                      ask again: it will tell at its end
all have ended, there are no more than attempts, and some   adopt one of them by elimination, when no attempt's POST
are silent that only attempts of our very bytes can have    can be under way any more and a whole list was read by
made, at most as many as those attempts                     clocks that have not moved
all have ended, and they fit attempts that sent something   a question for a person: nothing will tell them apart
else (another seed, another picture)
there are more of them than attempts                        a question for a person: one is another program's, or of
                                                            a submit that a restored database has forgotten
==========================================================  ====================================================

So of n attempts of the very same bytes, n tasks are adopted one each, and of k < n tasks any k attempts adopt one
each; the others see an empty list then, and are proven absent like any single attempt. Where one of them has taken a
task of another's time, the list of the other covers its time as well (`exchanged_spans`).

Nothing is adopted on suspicion: a job that followed another program's task would never be rendered, and
would get that program's video. Waiting costs nothing, as the task renders meanwhile.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from reelqueue.states import UNBILLED, TaskStatus
from workers.dashscope import ListedTask, TaskAnswer
from workers.dashscope.echoes import is_echo
from workers.reconciliation.result_fit import Asked, is_result_of

ENDED: Final = UNBILLED | {TaskStatus.SUCCEEDED}
_TOO_MANY: Final = (
    "are more tasks than attempts: one is another program's, or of a submit that a restored database has forgotten"
)


@dataclass(frozen=True)
class UnclaimedTask:
    """A listed task that no attempt of ours is known to have made."""

    task: ListedTask
    answer: TaskAnswer
    """What it says of itself."""

    @property
    def is_silent(self) -> bool:
        """Whether the task reports no prompt: before its end, and where it failed."""
        return self.answer.orig_prompt is None

    @property
    def has_ended(self) -> bool:
        """Whether it will say no more than it does now."""
        return self.answer.status in ENDED


@dataclass(frozen=True)
class Contender:
    """An attempt whose outcome is unknown, and what distinguishes its task from others."""

    attempt_id: UUID
    request: str
    """Equal for attempts that sent the very same bytes."""
    lane: str
    """Account and host: a task of another one is not given to it without an echo."""
    prompt: str | None
    asked: Asked
    silent_since: datetime
    """From here on its POST cannot be under way any more."""
    clock_offset_seconds: float | None = None
    """The provider's clock minus the database's when it was sent; None: it was not known."""
    is_in_window: bool = True
    """Whether the listing shows the time at which it was sent; one that was not is no reason to expect a task."""

    def echoes(self, stranger: UnclaimedTask) -> bool:
        """Whether a task reports this attempt's prompt."""
        return bool(self.prompt) and is_echo(str(self.prompt), stranger.answer.orig_prompt)

    def is_interchangeable(self, other: Contender) -> bool:
        """Whether it does not matter which of the two gets a task."""
        return (self.request, self.lane) == (other.request, other.lane)


@dataclass(frozen=True)
class Adopt:
    """The attempt made this task, or one of the very same bytes did."""

    task: ListedTask
    is_by_elimination: bool = False
    """Whether only the absence of other explanations says so: then that absence must be proven."""
    is_noted: bool = False
    """Whether the answer to its own POST named it: then it is no other attempt's, whatever began since."""
    clocks_moved: timedelta = timedelta(0)
    """As for :class:`Absent`."""


@dataclass(frozen=True)
class Absent:
    """No trace in this listing."""

    clocks_moved: timedelta = timedelta(0)
    """How far the provider's clock and the database's have moved against each other since the submit."""


@dataclass(frozen=True)
class Unclear:
    """The listing is not conclusive, or could not be read."""

    reason: str
    has_candidates: bool = False
    """Whether it showed a task that may be the attempt's."""


MatchResult = Adopt | Absent | Unclear


def match_task(mine: Contender, rivals: Sequence[Contender], strangers: Sequence[UnclaimedTask]) -> MatchResult:
    """Which of the unknown tasks the attempt made, if any.

    Args:
        mine: The attempt.
        rivals: Every other attempt that may have made one of the tasks.
        strangers: The window's tasks that no attempt of ours is known to have made.
    """
    possible = [one for one in strangers if one.is_silent or mine.echoes(one)]
    if not possible:
        return Absent()
    everyone = [mine, *rivals]
    told = [one for one in possible if _is_told(one, mine, everyone)]
    if told:
        best = [one for one in told if is_result_of(mine.asked, one.answer)] or told
        if len(best) > sum(one.request == mine.request and one.is_in_window for one in everyone):
            return Unclear(f"{_named(best)} {_TOO_MANY}", has_candidates=True)
        return Adopt(best[0].task)
    if not all(one.has_ended for one in possible):
        return Unclear(f"{_named(possible)} may be this one, or {_whose(rivals)}", has_candidates=True)
    if len(possible) > sum(one.is_in_window for one in everyone):
        return Unclear(f"{_named(possible)} {_TOO_MANY}", has_candidates=True)
    alike = [one for one in everyone if one.is_interchangeable(mine)]
    left = [one for one in possible if one.is_silent and _makers(one, everyone) == alike]
    if left and len(left) <= sum(one.is_in_window for one in alike):
        return Adopt(left[0].task, is_by_elimination=True)
    return Unclear(f"{_named(possible)} may be this one, or {_whose(rivals)}", has_candidates=True)


def _is_told(task: UnclaimedTask, mine: Contender, everyone: list[Contender]) -> bool:
    """Whether a task's echo, and the length and size of its result, are ours and those of equal requests alone."""
    echoing = [one for one in everyone if one.echoes(task)]
    makers = _makers(task, echoing) or echoing
    return mine in makers and all(one.request == mine.request for one in makers)


def may_have_made(contender: Contender, task: UnclaimedTask) -> bool:
    """Whether nothing that a task says speaks against an attempt."""
    return (task.is_silent or contender.echoes(task)) and is_result_of(contender.asked, task.answer)


def _makers(task: UnclaimedTask, contenders: list[Contender]) -> list[Contender]:
    return [one for one in contenders if is_result_of(one.asked, task.answer)]


def _whose(rivals: Sequence[Contender]) -> str:
    others = f"one of {len(rivals)} other attempts' or " if rivals else ""
    return f"{others}another program's"


def _named(strangers: Sequence[UnclaimedTask]) -> str:
    shown = ", ".join(one.task.provider_task_id for one in strangers[:3])
    more = f" and {len(strangers) - 3} more" if len(strangers) > 3 else ""
    return f"task{'s' if len(strangers) > 1 else ''} {shown}{more}"
