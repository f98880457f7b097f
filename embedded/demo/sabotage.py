"""``demo --sabotage``: breaks its own stack while it renders, and says what breaks and what heals.

Everything is real: SIGKILL to a worker's process, FLUSHALL at the broker, answers that the provider does not send
although it has accepted. A blow is healed when every clip that it hit has moved on.
"""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType, TracebackType
from typing import Final, Self

from embedded.demo.event_log import Journal, Mark
from embedded.demo.provider_bill import Evidence
from embedded.processes.child_process import ChildProcess
from embedded.processes.restart import Ending
from embedded.stack.stack import Stack
from reelqueue.schemas.jobs import Job
from reelqueue.states import RenderState
from workers.timings import TEST_TIMINGS

_TIMINGS: Final[Mapping[str, float]] = MappingProxyType(
    {
        # 15, 30 and 10 s: a submit that is silent is doubted after 12 s, not 40.
        "SUBMIT_SEND_WITHIN_SECONDS": 4,
        "SUBMIT_POST_SECONDS": 8,
        "SUBMIT_SETTLE_WITHIN_SECONDS": 4,
        # 5, 10 and 60 s.
        "RECONCILE_FIRST_LOOK_SECONDS": 1,
        "RECONCILE_ASK_AGAIN_SECONDS": 2,
        "RECONCILE_ABSENT_SECONDS": 5,
        # 30 s; 20, 30, 45 and 5 s.
        "POLL_LEASE_SECONDS": 6,
        "ARCHIVE_READ_SECONDS": 4,
        "ARCHIVE_HEADERS_SECONDS": 6,
        "ARCHIVE_LEASE_SECONDS": 8,
        "ARCHIVE_RETRY_SECONDS": 1,
        # 5 and 3 s; 120 and 30 s.
        "SWEEP_SECONDS": 2,
        "OVERDUE_SECONDS": 2,
        "VISIBILITY_TIMEOUT_SECONDS": 20,
        "LONGEST_COUNTDOWN_SECONDS": 8,
    }
)
"""Timings of the product, an order of magnitude below what one gives a provider that takes minutes."""

WAITS: Final = MappingProxyType({TEST_TIMINGS: json.dumps(dict(_TIMINGS))})
"""The same as a variable."""

TIME_SCALE: Final = 40.0
"""Renders of 1.5 to 7.5 s: long enough to be hit."""

_IN_FLIGHT: Final = frozenset({RenderState.SUBMITTING, RenderState.RENDERING, RenderState.ARCHIVING})
_LOST_ANSWERS: Final = 3


@dataclass(frozen=True)
class Blow:
    """One act of sabotage."""

    name: str
    after_count: int
    """It waits until so many clips have succeeded."""
    victims: Callable[[Iterable[Job]], list[Job]]
    """The clips that it hits; without any it waits on."""
    strike: Callable[[], None]


@dataclass(frozen=True)
class Wound:
    """A blow that was struck."""

    name: str
    struck_seconds: float
    victims: Sequence[Job]
    """As they stood then."""

    def is_healed(self, jobs: Iterable[Job]) -> bool:
        """Whether each of its victims has moved on."""
        now = {job.id: job for job in jobs}
        return all(_has_moved(before, now[before.id]) for before in self.victims)


class Sabotage:
    """Kills processes at chosen moments of the jobs; takes the place of the demo's table."""

    def __init__(self, stack: Stack, evidence: Evidence, journal: Journal) -> None:
        """Plan all of it."""
        self._stack = stack
        self._evidence = evidence
        self._journal = journal
        self._waiting = _plan(stack)
        self._wounds: list[Wound] = []
        self._lost_answers = 0
        self._adopted: set[str | None] = set()
        self._jobs: Sequence[Job] = ()

    @property
    def is_whole(self) -> bool:
        """Whether every blow was struck, and has healed."""
        return not self._waiting and not self._wounds and self._lost_answers == _LOST_ANSWERS

    def __enter__(self) -> Self:
        answers = {"operation": "submit", "kind": "drop", "phase": "after"}
        self._evidence.script(answers | {"skip": 2, "count": 2}, answers | {"skip": 12, "count": _LOST_ANSWERS - 2})
        self._say(Mark.NOTED, "waits are short here: a silent submit is doubted after 12 s, not 40")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for blow in self._waiting:
            self._say(Mark.NOTED, f"{blow.name} was not done: no clip could be hit")

    def show(self, jobs: Sequence[Job]) -> None:
        """Report what has changed, then strike."""
        self._jobs = jobs
        self._tell_lost_answers()
        self._tell_adopted()
        self._tell_healed()
        succeeded = sum(job.state is RenderState.SUCCEEDED for job in jobs)
        for blow in [blow for blow in self._waiting if succeeded >= blow.after_count]:
            if victims := blow.victims(jobs):
                self._strike(blow, victims)

    def tell(self, ending: Ending) -> None:
        """Report that a service has ended, and its log file if it was not killed on purpose."""
        is_ours = ending.exit_code == -signal.SIGKILL
        self._say(Mark.NOTED, f"{ending.name} was killed and starts again" if is_ours else str(ending))

    def _strike(self, blow: Blow, victims: Sequence[Job]) -> None:
        self._say(Mark.BROKEN, f"{blow.name}, {_count(victims)} in hand")
        blow.strike()
        self._waiting.remove(blow)
        self._wounds.append(Wound(blow.name, self._journal.seconds(), victims))

    def _tell_healed(self) -> None:
        for wound in [wound for wound in self._wounds if wound.is_healed(self._jobs)]:
            self._wounds.remove(wound)
            seconds = self._journal.seconds() - wound.struck_seconds
            self._say(Mark.HEALED, f"{seconds:.1f} s after {wound.name}: {_count(wound.victims)} moved on")

    def _tell_lost_answers(self) -> None:
        lost = self._evidence.faults_met()
        for _ in range(lost - self._lost_answers):
            self._say(Mark.BROKEN, "the provider accepted a submit, and its answer was dropped")
        self._lost_answers = lost

    def _tell_adopted(self) -> None:
        for clip, task_id in self._evidence.adopted():
            if clip not in self._adopted:
                self._adopted.add(clip)
                self._say(Mark.HEALED, f"{clip} adopted: the provider's list has its task {task_id[:8]}")

    def _say(self, mark: Mark, what: str) -> None:
        self._journal.say(self._jobs, mark, what)


def _plan(stack: Stack) -> list[Blow]:
    def kill(*names: str) -> Callable[[], None]:
        return partial(_kill, [stack.children[name] for name in names])

    return [
        # At once: later no job may be waiting in line.
        Blow("kill -9 of dispatcher and beat", 0, _next_in_line, kill("control", "beat")),
        Blow("kill -9 of the poller", 2, _in(RenderState.RENDERING), kill("poll")),
        Blow("kill -9 of the submitter", 6, _in(RenderState.SUBMITTING, RenderState.ARCHIVING), kill("render")),
        Blow("FLUSHALL", 12, _in(*_IN_FLIGHT), stack.valkey.flush),
    ]


def _kill(children: Iterable[ChildProcess]) -> None:
    for child in children:
        child.kill()


def _in(*states: RenderState) -> Callable[[Iterable[Job]], list[Job]]:
    return lambda jobs: [job for job in jobs if job.state in states]


def _next_in_line(jobs: Iterable[Job]) -> list[Job]:
    """The clip that is admitted next, once the slots are full: nothing else of the queue can be expected to move."""
    by_age = sorted(jobs, key=lambda job: job.created_at)
    is_full = any(job.state is RenderState.RENDERING for job in by_age)
    return [job for job in by_age if job.state is RenderState.QUEUED][: 1 if is_full else 0]


def _has_moved(before: Job, now: Job) -> bool:
    return now.state is not before.state or now.poll_count > before.poll_count


def _count(jobs: Sequence[Job]) -> str:
    return f"{len(jobs)} clip{'s' if len(jobs) > 1 else ''}"
