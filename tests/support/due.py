"""Jobs whose poll is due, as values: what the decisions are made of."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from reelqueue.backoff import Backoff
from reelqueue.states import RenderState
from tests.support.virtual_clock import START
from workers.dashscope import TaskAnswer
from workers.polling.decisions import DuePoll, Outcome, PollRules, decide_poll

RULES = PollRules(
    late_interval=timedelta(seconds=60),
    unknown_limit=3,
    unknown_age=timedelta(seconds=120),
    fault_limit=2,
    fault_backoff=Backoff(5, 3600),
)
ANYTHING = UUID(int=0)


def make_due(**values: Any) -> DuePoll:
    """A job that renders: submitted at the start, asked every second, until 3 s; times in seconds."""
    seconds = {"submitted_at": 0, "poll_at": 1, "deadline_at": 3, "watch_until": 86_400}
    seconds |= {name: values.pop(name) for name in seconds if name in values}
    facts = {
        "job_id": ANYTHING,
        "task_row_id": ANYTHING,
        "provider_task_id": "task-1",
        "base_url": "https://dashscope.test",
        "state": RenderState.RENDERING,
        "model": "wan2.6-t2v",
        "provider_status": "RUNNING",
        "poll_count": 0,
        "unknown_count": 0,
        "started_at": None,
        "spacing": timedelta(seconds=values.pop("interval", 1)),
        "on_timeout": "collect",
        "abandon_running": False,
        "fault_count": 0,
    }
    return DuePoll(**facts | {name: START + timedelta(seconds=at) for name, at in seconds.items()} | values)


def decide_at(
    seconds: float, status: str | Exception, due: DuePoll | None = None, *, is_missing: bool = False, **answer: Any
) -> Outcome:
    """What an answer means that many seconds after the submit."""
    said = status if isinstance(status, Exception) else TaskAnswer(status, **answer)
    now = START + timedelta(seconds=seconds)
    return decide_poll(due or make_due(), said, now, RULES, is_missing=is_missing)


def seconds_of(outcome: Outcome) -> float | None:
    """When the next poll is due, in seconds after the submit."""
    return None if outcome.next_poll_at is None else (outcome.next_poll_at - START).total_seconds()
