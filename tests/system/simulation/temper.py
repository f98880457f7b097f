"""How wild a seed is. Each draws its own temper: quiet in most ways and wild in some, so that rare mixes occur."""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random
from typing import Any, Final, Literal

OverSlots = Literal["queue", "reject", "drop"]
Act = Literal["pause", "freeze", "kill", "database"]

PLACES: Final = (
    "after take_in", "commit of dispatch", "after dispatch", "after sweep",
    "after claim_job", "commit of mark_sent", "after mark_sent", "connected", "accepted", "answered",
    "before bind", "commit of bind", "after bind", "before park", "after park", "before reject", "after reject",
    "after _take", "before _write", "commit of _write", "after _write", "commit of _act", "after _act",
    "downloading", "renaming a file", "renamed a file", "before _finish", "after _finish", "before _retry_or_end",
)  # fmt: skip
"""Where the steps of the protocol meet; the functions are those of workers/."""


@dataclass(frozen=True)
class Temper:
    """What a seed does to the workers, and how often; shares are of the places where it could happen."""

    jobs: int
    workers: int
    decisions: int
    """Choices of the scheduler before faults stop."""
    pause: float
    """Held up at the side of the road while others pass."""
    overlap: float
    """Held up between two statements of one transaction."""
    freeze: float
    """Held up for seconds to minutes, as a stopped process is."""
    kill: float
    database: float
    """Connection lost: before a transaction, before its commit or after it."""
    disk: float
    broker: float
    """Messages dropped, doubled, late or all flushed."""
    provider: float
    """Faults that are scripted for the next calls."""
    person: float
    """Jobs cancelled, accounts paused."""
    twins: float
    """Jobs that ask for the same prompt as the one before."""
    pictures: float
    """Jobs that animate a picture without a prompt, of which no task tells whose it is."""
    slowness: float
    """Of the network."""
    look_ahead: int
    over_slots: OverSlots
    accounts: int
    skew_seconds: float
    """How far the provider's clock is from the database's at first."""
    clocks: float
    """The database's clock, or the provider's, is set."""
    restore: float
    """The database is backed up, and set back to a backup."""
    has_late_backups: bool
    """Whether a backup is taken only when every job is stored, so that a restore takes none away."""
    scans: float
    """The lists are compared for orphans, and who has to decide about a job may stay away for a day."""
    has_journal: bool
    """Whether submits are noted outside the database."""
    lost: float
    """Submits whose answer is lost after the task was made; to the end of the seed."""
    cut: float
    """Pages of the listing that hold fewer rows than they count; to the end of the seed."""
    unmeasured: float
    """Answers to queries that lack usage, so that most tasks have it some answers after their result; to the end."""
    page_size_max: int | None
    """Rows on a page of the listing."""
    is_list_doubled: bool
    """And in any order."""
    lag_seconds: float
    """Age of a task when the listing first shows it."""
    foreign_rows: int
    place: str
    """Where this seed does its worst."""
    act: Act
    """And what that is, to every other worker that passes there."""


CALM: Final = Temper(
    jobs=1, workers=2, decisions=0,
    pause=0, overlap=0, freeze=0, kill=0, database=0, disk=0, broker=0, provider=0, person=0, twins=0,
    pictures=0, slowness=1, look_ahead=2, over_slots="queue", accounts=1, skew_seconds=0, lag_seconds=0, foreign_rows=0,
    clocks=0, restore=0, has_late_backups=False, scans=0, has_journal=False, lost=0, cut=0, unmeasured=0,
    page_size_max=None, is_list_doubled=False,
    place="nowhere", act="pause",
)  # fmt: skip
"""Nothing happens that should not."""


def draw_temper(random: Random) -> Temper:
    """The temper of a seed; in a third of them it is the listing that decides about most submits."""
    temper = _draw(random)
    return doubtful(temper, random) if random.random() < 1 / 3 else temper


def doubtful(temper: Temper, random: Random) -> Temper:
    """A temper in which most answers of submits are lost, and the listing may be read wrongly.

    The clocks are minutes apart and are set, or pages are cut; what would only keep the listing from being asked is
    rare.
    """
    is_skewed = random.random() < 0.5
    return replace(
        temper,
        jobs=max(temper.jobs, 2),
        decisions=80,
        lost=random.uniform(0.6, 0.9),
        cut=0 if is_skewed else random.uniform(0.6, 0.9),
        skew_seconds=random.choice([-1, 1]) * random.uniform(150, 1200) if is_skewed else temper.skew_seconds,
        clocks=temper.clocks / 4,
        provider=temper.provider / 8,
        person=temper.person / 4,
        database=temper.database / 4,
        broker=temper.broker / 4,
    )


def reviewed(temper: Temper, random: Random) -> Temper:
    """A temper in which many jobs wait for a person, and the lists are compared for orphans meanwhile.

    Every answer of a submit is lost, and most requests ask for the same, so that the listing cannot tell whose task
    is whose.
    """
    return replace(
        temper,
        scans=random.uniform(0.1, 1),
        jobs=max(temper.jobs, 3),
        lost=random.uniform(0.6, 1),
        twins=random.uniform(0.5, 1),
        pictures=random.choice([0, 0.5, 1]),
        provider=temper.provider / 8,
        database=temper.database / 4,
        broker=temper.broker / 4,
    )


def _draw(random: Random) -> Temper:
    return Temper(
        jobs=random.choice([1, 1, 2, 2, 3, 5]),
        workers=random.choice([1, 2, 2, 3, 4, 6]),
        decisions=random.choice([40, 80, 80, 120, 200]),
        pause=_some(random, 0.3),
        overlap=_some(random, 0.1),
        freeze=_some(random, 0.08),
        kill=_some(random, 0.06),
        database=_some(random, 0.04),
        disk=_some(random, 0.1),
        broker=_some(random, 1.5),
        provider=_some(random, 2),
        person=_some(random, 0.3),
        twins=random.choice([0, 0, 0.5, 1]),
        pictures=random.choice([0, 0, 0.5, 1]),
        slowness=random.choice([0.2, 1, 1, 5, 40]),
        look_ahead=random.choice([0, 1, 2]),
        over_slots=random.choice(["queue", "queue", "queue", "reject", "drop"]),
        accounts=random.choice([1, 1, 1, 2]),
        skew_seconds=random.choice([0, 0, -90, 90, -600, 600, -14_400, 14_400]),
        clocks=_some(random, 0.6),
        restore=0,
        has_late_backups=False,
        scans=0,
        has_journal=False,
        lost=0,
        cut=0,
        unmeasured=random.choice([0, 0, 0, 0.5, 0.8]),
        page_size_max=random.choice([None, None, None, 1, 2]),
        is_list_doubled=random.choice([False, False, False, True]),
        lag_seconds=random.choice([0, 0, 0, 3, 20, 45]),
        foreign_rows=random.choice([0, 0, 0, 0, 1]),
        place=random.choice(PLACES),
        act=random.choice(["pause", "freeze", "kill", "kill", "database"]),
    )


def _some(random: Random, most: float) -> float:
    """Nothing of it, a little, or a lot."""
    return random.choice([0, 0, 0.2, 1]) * most * random.uniform(0.3, 1)


# What the provider may do to a call, with the words of :class:`simulator.store.fault.Fault`.
_REFUSALS: Final[list[dict[str, Any]]] = [
    {"kind": "error", "status": 429},
    {"kind": "error", "status": 500},
    {"kind": "error", "status": 503},
    {"kind": "gateway-page", "status": 502},
    {"kind": "gateway-page", "status": 504},
]
_GARBLED: Final[list[dict[str, Any]]] = [
    {"kind": "drop"},
    {"kind": "hang"},
    {"kind": "html"},
    {"kind": "empty"},
    {"kind": "truncated"},
    {"kind": "not-utf8"},
    {"kind": "nested"},
    {"kind": "delay", "seconds": 20.0},
    {"kind": "delay", "seconds": 40.0},
    {"kind": "trickle"},
    {"kind": "cut"},
]
# What never comes from the provider itself, and so before a task is made.
_FOREIGN: Final[list[dict[str, Any]]] = [
    {"kind": "redirect"},
    {"kind": "gateway-page", "status": 403},
    {"kind": "gateway-page", "status": 404},
    {"kind": "gateway-page", "status": 405},
]
# Pages that lack rows which their `total` counts.
_CUT: Final[list[dict[str, Any]]] = [
    {"kind": "missing-row"},
    {"kind": "shifted-rows"},
    {"kind": "cut-page"},
    {"kind": "no-rows"},
]
_BY_OPERATION: Final[dict[str, list[dict[str, Any]]]] = {
    "submit": [
        *_REFUSALS,
        *({**fault, "phase": "after"} for fault in _REFUSALS if fault["status"] != 429),  # which creates nothing
        *_GARBLED,
        *({**fault, "phase": "after"} for fault in _GARBLED),
        *_FOREIGN,
        {"kind": "no-task-id"},
        {"kind": "task-id"},
        {"kind": "duplicate-task-id"},
        {"kind": "duplicate-keys"},
        {"kind": "error", "status": 400},
        {"kind": "error", "status": 400, "code": "Arrearage"},
        {"kind": "error", "status": 401},
        {"kind": "error", "status": 429, "code": "PostpaidBillOverdue"},
        {"kind": "error", "status": 429, "code": "Throttling.AllocationQuota", "retry_after": "90"},
        {"kind": "error", "status": 400, "code": "DataInspectionFailed"},
    ],
    "query": [
        *_REFUSALS,
        *_GARBLED,
        *_FOREIGN,
        {"kind": "error", "status": 401},
        {"kind": "unknown"},
        {"kind": "status-word"},
        {"kind": "going-back"},
        {"kind": "no-url"},
        {"kind": "no-result"},
        {"kind": "expired-url"},
        {"kind": "results-object"},
        {"kind": "results-list"},
        {"kind": "ancient-end"},
        {"kind": "padded"},
        {"kind": "no-usage"},
        {"kind": "text-numbers"},
        {"kind": "float-numbers"},
    ],
    "list": [
        *_REFUSALS,
        *_GARBLED,
        *_FOREIGN,
        *_CUT,
        {"kind": "repeated-rows"},
    ],
    "cancel": [*_REFUSALS, *_GARBLED, *({**fault, "phase": "after"} for fault in _GARBLED)],
    "result": [
        *_REFUSALS,
        {"kind": "error", "status": 403},
        {"kind": "error", "status": 404},
        {"kind": "drop"},
        {"kind": "html"},
        {"kind": "empty"},
        {"kind": "cut"},
        {"kind": "short-file"},
        {"kind": "not-media"},
        {"kind": "gzip-file"},
    ],
}


def draw_fault(random: Random) -> dict[str, Any]:
    """A fault to script, and for how many calls."""
    operation = random.choice(["submit", "submit", "submit", "query", "query", "list", "list", "cancel", "result"])
    fault = random.choice(_BY_OPERATION[operation])
    return {"operation": operation, "count": random.choice([1, 1, 1, 2, 4]), "skip": random.choice([0, 0, 1]), **fault}


def draw_spoiling(random: Random, operation: str, temper: Temper) -> dict[str, Any] | None:
    """The fault of a call that is about to arrive, by the share of such calls; None: it is answered."""
    match operation:
        case "submit" if random.random() < temper.lost:
            return {"operation": "submit", "phase": "after", **random.choice(_GARBLED)}
        case "list" if random.random() < temper.cut:
            return {"operation": "list", **random.choice(_CUT)}
        case "query" if random.random() < temper.unmeasured:
            return {"operation": "query", "kind": "no-usage"}
        case _:
            return None
