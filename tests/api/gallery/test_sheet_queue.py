"""Contact sheets are drawn one at a time; who asks for too many is asked to come back."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from uuid import UUID, uuid4

import pytest

from api.gallery.sheet_queue import SHEETS_MAX, SHEETS_PER_TENANT_MAX, Sheet, SheetQueue
from api.problem_details import ProblemError


def sheet(tenant_id: UUID | None = None) -> Sheet:
    return Sheet(tenant_id or uuid4(), uuid4(), "png")


class Pencil:
    """Draws when it may, and counts."""

    def __init__(self) -> None:
        self.begun, self.may = threading.Semaphore(0), threading.Event()
        self.count = 0

    def draw(self) -> bytes:
        self.count += 1
        self.begun.release()
        self.may.wait(30)
        return b"%d" % self.count


def with_queue(run: Callable[[SheetQueue, Pencil], object]) -> object:
    async def main() -> object:
        queue, pencil = SheetQueue(), Pencil()
        try:
            return await run(queue, pencil)  # type: ignore[misc]
        finally:
            pencil.may.set()
            queue.close()

    return asyncio.run(main())


def test_callers_who_ask_before_a_sheet_is_begun_share_it() -> None:
    async def run(queue: SheetQueue, pencil: Pencil) -> list[bytes]:
        one = sheet()
        first = asyncio.create_task(queue.draw(one, pencil.draw))
        assert await asyncio.to_thread(pencil.begun.acquire, timeout=30)
        later = [asyncio.create_task(queue.draw(one, pencil.draw)) for _ in range(40)]
        await asyncio.sleep(0)
        pencil.may.set()
        return [await first, *await asyncio.gather(*later)]

    assert with_queue(run) == [b"1"] + [b"2"] * 40


@pytest.mark.parametrize("is_one_tenant", [True, False], ids=["tenant", "process"])
def test_one_sheet_too_many_is_refused_and_is_drawn_later(*, is_one_tenant: bool) -> None:
    tenant_id = uuid4() if is_one_tenant else None
    most = SHEETS_PER_TENANT_MAX if is_one_tenant else SHEETS_MAX

    async def run(queue: SheetQueue, pencil: Pencil) -> ProblemError:
        drawn = [asyncio.create_task(queue.draw(sheet(tenant_id), pencil.draw)) for _ in range(most)]
        await asyncio.sleep(0)
        with pytest.raises(ProblemError) as caught:
            await queue.draw(sheet(tenant_id), pencil.draw)
        pencil.may.set()
        await asyncio.gather(*drawn)
        await queue.draw(sheet(tenant_id), pencil.draw)
        return caught.value

    refused = with_queue(run)

    assert isinstance(refused, ProblemError)
    assert (refused.status, refused.headers) == (503, {"Retry-After": "10"})


def test_who_hangs_up_leaves_the_sheet_to_the_others() -> None:
    async def run(queue: SheetQueue, pencil: Pencil) -> bytes:
        busy = asyncio.create_task(queue.draw(sheet(), pencil.draw))
        assert await asyncio.to_thread(pencil.begun.acquire, timeout=30)
        one = sheet()
        gone, stays = (asyncio.create_task(queue.draw(one, pencil.draw)) for _ in range(2))
        await asyncio.sleep(0)
        gone.cancel()
        pencil.may.set()
        await busy
        return await stays

    assert with_queue(run) == b"2"
