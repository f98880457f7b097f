"""Poll intervals of clips that have none of their own: as long as possible without a slot being idle for it.

A task that has ended unseen does no harm as long as the look-ahead keeps the provider's queue filled. So questions
may be as far apart as the tasks that end meanwhile are a third of the look-ahead, on average; and before nine of
ten tasks are still rendering, a question can hardly bring news::

    accepted          PENDING                  RUNNING since s
    t = 0   shortest  t       t + shortest     max(t + interval, s + shortest)   + interval  ...

Until a model has been measured here, it is asked about every few seconds.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy.orm import Session

from models.account import Account
from models.operations.scheduling.account_limits import lane_limits
from models.operations.scheduling.render_times import RenderTimes, render_times
from models.render_job import RenderJob

LATEST_TASKS: Final = 500
"""That are measured: a question of some milliseconds."""
MEASURED_MIN: Final = 5
"""Clips of a model that say something about the next."""
_EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)
_EMPTY_SHARE: Final = 1 / 3
"""Part of the look-ahead that may be used up, on average, by tasks whose end has not been seen."""
_TICK_SHARE: Final = 1 / 5
"""Of the shortest delay."""
_LATE_SHARE: Final = 1 / 5
"""Of a render: so much later than it ended may a clip be seen, however long the look-ahead is."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How the tasks of one model are followed at one account."""

    shortest: timedelta
    """Nine of ten render for longer."""
    interval: timedelta
    tick: timedelta = timedelta(seconds=1)
    """Questions come at multiples of this, so that one batch has many."""

    def first_poll_at(self, accepted_at: datetime) -> datetime:
        """When to ask about a task that was accepted."""
        return self._on_tick(accepted_at + max(self.shortest, self.interval))

    def next_poll_at(self, now: datetime, *, is_waiting: bool, started_at: datetime | None) -> datetime:
        """When to ask again about a task that has not ended.

        Args:
            now: When it was asked about.
            is_waiting: Whether it had no slot yet.
            started_at: When it got one, by the provider's clock, which may be wrong.
        """
        began_at = now if is_waiting else min(started_at or now - self.shortest, now)
        return self._on_tick(max(now + self.interval, began_at + self.shortest))

    def _on_tick(self, at: datetime) -> datetime:
        return at + (_EPOCH - at) % self.tick


Spacing = timedelta | Pace
"""The interval that a job's owner has set, or the pace of its model."""
UNMEASURED: Final = Pace(timedelta(seconds=5), timedelta(seconds=5))


@dataclass(frozen=True, slots=True)
class Pacing:
    """The poll paces of accounts and models, measured again every half a render; one per worker process."""

    _known: dict[tuple[UUID, str], tuple[Pace, datetime]] = field(default_factory=dict)
    """With the time until which each holds."""

    def of(self, session: Session, account: Account, job: RenderJob, finest_seconds: float, now: datetime) -> Spacing:
        """How polls of a job at an account are spaced: as its owner says, else as its model's render times do.

        *finest_seconds* is the shortest interval, which a model has until it was measured.
        """
        if job.poll_interval_ms is not None:
            return timedelta(milliseconds=job.poll_interval_ms)
        key, model = (account.id, job.model), job.model
        pace, until = self._known.get(key, (UNMEASURED, now))
        if until <= now:
            finest = timedelta(seconds=finest_seconds)
            times = render_times(session, [model], latest=LATEST_TASKS).get(model)
            pace = _pace(times, account, model, finest)
            self._known[key] = (pace, now + max(finest, pace.shortest / 2))
        return pace


def _pace(times: RenderTimes | None, account: Account, model: str, finest: timedelta) -> Pace:
    tick = finest * _TICK_SHARE
    if times is None or times.count < MEASURED_MIN:
        return Pace(finest, finest, tick)
    hidden = _EMPTY_SHARE * account.look_ahead / max(lane_limits(account, model).slots, 1)
    interval = timedelta(seconds=times.p50_seconds * min(hidden, _LATE_SHARE))
    return Pace(timedelta(seconds=times.p10_seconds), max(interval, finest), tick)
