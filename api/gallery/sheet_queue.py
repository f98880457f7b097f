"""Draws contact sheets one at a time, for a few callers who wait; the others are asked to come back."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from api.problem_details import ProblemError

SHEETS_MAX: Final = 8
"""Being drawn or waited for."""
SHEETS_PER_TENANT_MAX: Final = 2
RETRY_AFTER_SECONDS: Final = 10


@dataclass(frozen=True)
class Sheet:
    """Which sheet of which campaign."""

    tenant_id: UUID
    campaign_id: UUID
    suffix: str


class SheetQueue:
    """One sheet at a time: each takes a processor and some hundred MB of memory.

    Callers who ask for the same sheet before it is begun share it: it shows what is so when it is begun.
    """

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="sheets")
        self._lock = threading.Lock()
        self._unfinished: dict[Future[bytes], Sheet] = {}
        self._not_begun: dict[Sheet, Future[bytes]] = {}

    async def draw(self, sheet: Sheet, draw: Callable[[], bytes]) -> bytes:
        """A sheet that is begun after this call; hold no session meanwhile.

        Raises:
            ProblemError: 503 where enough are being drawn.
        """
        future = self._not_begun.get(sheet)
        if future is None:
            self._check_room(sheet)
            with self._lock:  # it may begin at once
                future = self._not_begun[sheet] = self._executor.submit(self._begin, sheet, draw)
            self._unfinished[future] = sheet
            future.add_done_callback(self._unfinished.pop)
        # Shielded: others may wait for the same one.
        return await asyncio.shield(asyncio.wrap_future(future))

    def close(self) -> None:
        """Finish the one that is being drawn, and begin no more."""
        self._executor.shutdown(cancel_futures=True)

    def _begin(self, sheet: Sheet, draw: Callable[[], bytes]) -> bytes:
        with self._lock:
            del self._not_begun[sheet]
        return draw()

    def _check_room(self, sheet: Sheet) -> None:
        unfinished = list(self._unfinished.values())
        of_tenant = sum(one.tenant_id == sheet.tenant_id for one in unfinished)
        if len(unfinished) >= SHEETS_MAX or of_tenant >= SHEETS_PER_TENANT_MAX:
            raise ProblemError(
                503,
                "too_many_sheets",
                f"{len(unfinished)} contact sheets are being drawn, {of_tenant} of them for this tenant, of at most "
                f"{SHEETS_MAX} and {SHEETS_PER_TENANT_MAX}; ask again in {RETRY_AFTER_SECONDS} s",
                headers={"Retry-After": str(RETRY_AFTER_SECONDS)},
            )
