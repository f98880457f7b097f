"""The product's waiting times, shortened together so that a crash heals in seconds; their order is kept."""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from workers.timings import TEST_TIMINGS

TIMINGS: Final[Mapping[str, float]] = MappingProxyType(
    {
        # 15, 30 and 10 s: a submit that is silent is doubted after 4 s, not 40.
        "SUBMIT_SEND_WITHIN_SECONDS": 1.5,
        "SUBMIT_POST_SECONDS": 3,
        "SUBMIT_SETTLE_WITHIN_SECONDS": 1,
        # 5, 10, 60 and 120 s: a task is ruled out 1 s after the first listing without it.
        "RECONCILE_FIRST_LOOK_SECONDS": 0.3,
        "RECONCILE_ASK_AGAIN_SECONDS": 0.5,
        "RECONCILE_ABSENT_SECONDS": 1,
        "RECONCILE_CLOCK_SKEW_SECONDS": 4,
        # 1: then a person decides. Here the same job is struck more often than in a lifetime, and no operator is there.
        "RECONCILE_RESUBMITS": 50,
        # 3: then a person looks, for the same reason.
        "DEATH_LIMIT": 50,
        # 30 and 60 s.
        "POLL_LEASE_SECONDS": 1.5,
        "POLL_LATE_INTERVAL_SECONDS": 1,
        # 20, 30, 45 and 5 s.
        "ARCHIVE_READ_SECONDS": 1,
        "ARCHIVE_HEADERS_SECONDS": 1.5,
        "ARCHIVE_LEASE_SECONDS": 2,
        "ARCHIVE_RETRY_SECONDS": 0.3,
        # 10, 5 and 3600 s.
        "WEBHOOK_TIMEOUT_SECONDS": 1,
        "WEBHOOK_FIRST_RETRY_SECONDS": 0.2,
        "WEBHOOK_LONGEST_RETRY_SECONDS": 1,
        # 15, 90, 60, 5, 5 and 600 s: a call whose worker died is given up after 6.5 s.
        "TEXT_SEND_WITHIN_SECONDS": 5,
        "TEXT_IDLE_SECONDS": 2,
        "TEXT_SETTLE_WITHIN_SECONDS": 4,
        "TEXT_EXTEND_SECONDS": 0.5,
        "TEXT_RETRY_SECONDS": 0.3,
        "TEXT_BLOCKED_SECONDS": 2,
        # 60, 180, 15, 120, 10, 5, 30, 180 and 30 s: a batch whose worker died is looked up after 5 s.
        "BATCH_GATHER_SECONDS": 0.5,
        "BATCH_LEASE_SECONDS": 4,
        "BATCH_SEND_WITHIN_SECONDS": 1.5,
        "BATCH_CREATE_SECONDS": 5,
        "BATCH_SETTLE_WITHIN_SECONDS": 4,
        "BATCH_FIRST_LOOK_SECONDS": 0.3,
        "BATCH_ASK_AGAIN_SECONDS": 0.5,
        "BATCH_ABSENT_SECONDS": 2,
        "BATCH_POLL_SECONDS": 0.5,
        # 5, 3, 120 and 30 s.
        "SWEEP_SECONDS": 0.4,
        "OVERDUE_SECONDS": 0.4,
        "VISIBILITY_TIMEOUT_SECONDS": 4,
        "LONGEST_COUNTDOWN_SECONDS": 2,
    }
)
"""Timings of the crew."""

PACE: Final = MappingProxyType({TEST_TIMINGS: json.dumps(dict(TIMINGS))})
"""The same as a variable."""

TIME_SCALE: Final = 150.0
"""Renders of 0.4 to 0.7 s."""

BATCH_RUN_SECONDS: Final = 150.0
"""Batches of a second, by the same scale."""


def simulation(time_scale: float = TIME_SCALE) -> dict[str, object]:
    """The simulator's behaviour: short renders of tiny clips that are drawn once, and short batches."""
    return {
        "time_scale": time_scale,
        "run_times": {"minimum_seconds": 60.0, "maximum_seconds": 100.0, "tail_share": 0.0},
        "texts": {"batch_run_seconds": BATCH_RUN_SECONDS},
        "clips": {"width": 64, "height": 36, "seconds": 1.0},
    }
