"""Pages of long answers are made a few at a time, each when the one before has been sent."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

from anyio import CapacityLimiter

from api.http.bulk_pages import PAGES_AT_ONCE, in_turn


def test_no_more_than_a_few_pages_are_made_at_once() -> None:
    lock, making, most = threading.Lock(), 0, 0

    def pages() -> Iterator[str]:
        nonlocal making, most
        for number in range(5):
            with lock:
                making += 1
                most = max(most, making)
            yield_to_others.wait(0.001)
            with lock:
                making -= 1
            yield str(number)

    async def read(limiter: CapacityLimiter) -> str:
        return "".join([page async for page in in_turn(pages(), limiter)])

    async def main() -> list[str]:
        limiter = CapacityLimiter(PAGES_AT_ONCE)
        return list(await asyncio.gather(*(read(limiter) for _ in range(20))))

    yield_to_others = threading.Event()
    assert asyncio.run(main()) == ["01234"] * 20
    assert most == PAGES_AT_ONCE


def test_a_page_is_made_when_the_one_before_was_taken() -> None:
    made: list[int] = []

    def pages() -> Iterator[str]:
        for number in range(3):
            made.append(number)
            yield str(number)

    async def main() -> None:
        answer = in_turn(pages(), CapacityLimiter(1))
        await anext(answer)
        assert made == [0]
        await answer.aclose()  # type: ignore[attr-defined]

    asyncio.run(main())
    assert made == [0]
