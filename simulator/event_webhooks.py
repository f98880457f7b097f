"""EventBridge's word that a task is over, posted to an address of the configuration.

The envelope is that of ``dashscope:System:AsyncTaskFinish`` (Model Studio, asynchronous task events, 2026-10).
Real delivery may repeat, reorder and lose events, and so may this one.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime
from random import Random
from typing import Any, Final

import httpx

from simulator.clock import beijing_text
from simulator.core.provider import Provider
from simulator.tasks import Task

_LOOK_SECONDS: Final = 0.2
_POST_SECONDS: Final = 5.0
_CURSOR: Final = "announced_until"

_log = logging.getLogger("simulator")


class Announcer:
    """Posts an event for every task that ends."""

    def __init__(self, provider: Provider, random: Random) -> None:
        self._provider = provider
        self._random = random

    async def run(self) -> None:
        """Announce what ends, until cancelled."""
        while True:
            await self.announce_due()
            await asyncio.sleep(_LOOK_SECONDS)

    async def announce_due(self) -> None:
        """Announce the tasks that ended since the last time. Without an address they count as announced."""
        settings = self._provider.config.announcements
        tasks = self._provider.finished_since(self._cursor())
        if not tasks:
            return
        if settings.url is not None:
            await self._post_all(settings.url, self._events(tasks))
        self._provider.store.settings.put(_CURSOR, f"{tasks[-1].ends_ms} {tasks[-1].sequence}")

    def _cursor(self) -> tuple[int, int]:
        ends_ms, _, sequence = (self._provider.store.settings.get(_CURSOR) or "0 0").partition(" ")
        return int(ends_ms), int(sequence)

    def _events(self, tasks: list[Task]) -> list[dict[str, Any]]:
        settings = self._provider.config.announcements
        kept = [task for task in tasks if self._random.random() >= settings.lost_share]
        events = [self._event(task) for task in kept]
        # A repeated event keeps its id: that is how receivers recognise it.
        events += [event for event in events if self._random.random() < settings.repeated_share]
        if settings.is_shuffled:
            self._random.shuffle(events)
        return events

    def _event(self, task: Task) -> dict[str, Any]:
        region = self._provider.config.region
        data = {
            "task_id": task.task_id,
            "task_status": task.status,
            "region": region,
            "request_id": task.request_id,
            "api_key_id": "1",
            "user_api_unique_key": task.api_unique_key,
            "start_time": beijing_text(task.scheduled_ms or task.submitted_ms)[:19],
            "end_time": beijing_text(task.ends_ms or task.submitted_ms)[:19],
            "contain_result": False,
        }
        return {
            "id": self._provider.new_id(),
            "source": "acs.dashscope",
            "specversion": "1.0",
            "type": "dashscope:System:AsyncTaskFinish",
            "time": datetime.fromtimestamp(self._provider.clock.now_ms() / 1000, UTC).isoformat(),
            "datacontenttype": "application/json;charset=utf-8",
            "aliyunaccountid": task.account,
            "aliyunregionid": region,
            "data": data,
        }

    async def _post_all(self, url: str, events: list[dict[str, Any]]) -> None:
        async with httpx.AsyncClient(trust_env=False, timeout=_POST_SECONDS) as client:
            for event in events:
                try:
                    await client.post(url, json=event)
                except httpx.HTTPError as error:
                    _log.info("event %s was not taken by %s: %s", event["id"], url, error)
