"""A write is committed again while the database is away, at growing pauses, and not for ever."""

from __future__ import annotations

from dataclasses import replace

import psycopg
import pytest
from sqlalchemy.exc import OperationalError

from workers.runtime.commit_retry import commit_with_retry
from workers.runtime.context import Context
from workers.runtime.host_clock import HostClock


class CountedHost(HostClock):
    """Where time passes by sleeping alone."""

    def __init__(self) -> None:
        self.pauses: list[float] = []

    def seconds(self) -> float:
        """The sum of all pauses."""
        return sum(self.pauses)

    def sleep(self, seconds: float) -> None:
        """Note a pause."""
        self.pauses.append(seconds)


def test_pauses_double_to_a_second_until_the_time_is_over(context: Context) -> None:
    host = CountedHost()

    def write(*_: object) -> None:
        raise OperationalError("SELECT 1", None, psycopg.OperationalError("the server is gone"))

    with pytest.raises(OperationalError):
        commit_with_retry(replace(context, host=host), write, for_seconds=4)

    assert host.pauses == [0.05, 0.1, 0.2, 0.4, 0.8, 1, 1]
