"""A burst of one key waits at the entrance; the others' requests do not wait behind it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.types import Message, Receive, Scope, Send

from api import dependencies
from api.http import fair_entrance
from api.http.fair_entrance import FairEntrance
from models.campaign import Campaign
from models.tenant import ensure_tenant

BURST = 12
"""More than the API under test has connections."""


def test_a_burst_that_waits_for_a_row_leaves_turns_to_other_keys(
    locked: httpx.Client, rows: Session, alice: dict[str, str], bob: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dependencies, "TURN_SECONDS", 0.5)
    rows.add(Campaign(name="held", tenant_id=ensure_tenant(rows, "alice")))
    rows.commit()
    rows.execute(select(Campaign).where(Campaign.name == "held").with_for_update())
    with ThreadPoolExecutor(BURST) as pool:
        burst = [pool.submit(locked.post, "/v1/campaigns/held/pause", headers=alice) for _ in range(BURST)]
        answers = [locked.get("/v1/jobs", headers=bob).status_code for _ in range(5)]
        rows.rollback()

        assert answers == [200] * 5
        assert {one.result().status_code for one in burst} == {200}


def test_a_key_has_a_few_requests_at_work_and_the_others_follow_in_their_order() -> None:
    async def run(hall: Hall) -> None:
        burst = [await hall.come("a", name) for name in ("a1", "a2", "a3", "a4")]
        other = await hall.come("b", "b1")
        assert hall.working == ["a1", "a2", "b1"]
        hall.let_go("a1")
        await burst[0]
        assert hall.working == ["a2", "b1", "a3"]
        for name in ("a2", "a3", "a4", "b1"):
            hall.let_go(name)
        await asyncio.gather(*burst, other)
        assert not hall.entrance._lines

    with_hall(run)


def test_a_request_that_has_begun_to_answer_lets_the_next_one_work() -> None:
    async def run(hall: Hall) -> None:
        tasks = [await hall.come("a", name) for name in ("a1", "a2", "a3")]
        await hall.answer("a1")
        await settle()
        assert hall.working == ["a1", "a2", "a3"]
        for name in ("a1", "a2", "a3"):
            hall.let_go(name)
        await asyncio.gather(*tasks)
        assert not hall.entrance._lines

    with_hall(run)


def test_a_body_that_arrives_slowly_keeps_no_other_request_waiting() -> None:
    async def run(hall: Hall) -> None:
        slow = [await hall.come("a", name, reads_body=True) for name in ("slow1", "slow2")]
        quick = await hall.come("a", "quick")
        assert hall.working == ["quick"]
        hall.body.set()
        await settle()
        assert hall.working == ["quick", "slow1"]
        for name in ("quick", "slow1", "slow2"):
            hall.let_go(name)
        await asyncio.gather(*slow, quick)
        assert not hall.entrance._lines

    with_hall(run)


def test_callers_who_hang_up_while_they_wait_take_no_place() -> None:
    async def run(hall: Hall) -> None:
        first, second, gone, last = [await hall.come("a", name) for name in ("a1", "a2", "gone", "last")]
        hall.let_go("a1")
        await asyncio.sleep(0)
        gone.cancel()
        await settle()
        assert hall.working == ["a2", "last"]
        for name in ("a2", "last", "gone"):
            hall.let_go(name)
        await asyncio.gather(first, second, last)
        assert not hall.entrance._lines

    with_hall(run)


def test_who_waits_too_long_at_the_entrance_is_asked_to_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    async def run(hall: Hall) -> None:
        tasks = [await hall.come("a", name) for name in ("a1", "a2")]
        monkeypatch.setattr(fair_entrance, "ENTRANCE_SECONDS", 0.0)
        refused = await hall.come("a", "a3")
        await refused
        assert hall.statuses["a3"] == 503
        for name in ("a1", "a2"):
            hall.let_go(name)
        await asyncio.gather(*tasks)
        assert not hall.entrance._lines

    with_hall(run)


class Hall:
    """An app behind the entrance, whose requests work until they may go."""

    def __init__(self) -> None:
        self.entrance = FairEntrance(self._serve, working_max=2)
        self.working: list[str] = []
        self.body = asyncio.Event()
        self.statuses: dict[str, int] = {}
        self._may_go: dict[str, asyncio.Event] = {}
        self._sends: dict[str, Send] = {}

    async def come(self, key: str, name: str, *, reads_body: bool = False) -> asyncio.Task[None]:
        """Begin a request with a key."""
        self._may_go[name] = asyncio.Event()
        headers = [(b"authorization", key.encode())]
        scope = {"type": "http", "path": "/", "headers": headers, "name": name, "reads_body": reads_body}

        async def receive() -> Message:
            await self.body.wait()
            return {"type": "http.request", "body": b""}

        async def send(message: Message) -> None:
            if "status" in message:
                self.statuses[name] = message["status"]

        task = asyncio.create_task(_none(self.entrance(scope, receive, send)))
        await settle()
        return task

    def let_go(self, name: str) -> None:
        self._may_go[name].set()

    async def answer(self, name: str) -> None:
        await self._sends[name]({"type": "http.response.start", "status": 200, "headers": []})

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        name = scope["name"]
        self._sends[name] = send
        if scope["reads_body"]:
            await receive()
        self.working.append(name)
        await self._may_go[name].wait()
        self.working.remove(name)


async def _none(call: Awaitable[None]) -> None:
    await call


async def settle() -> None:
    """Let every task go on until it waits."""
    for _ in range(10):
        await asyncio.sleep(0)


def with_hall(run: Callable[[Hall], Awaitable[None]]) -> None:
    async def main() -> None:
        await run(Hall())

    asyncio.run(main())
