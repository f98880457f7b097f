"""Selects the clips of a canary: spread over models, options, variables and rows, so that one of each is reviewed."""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

_COMPARED_MAX: Final = 100
"""Clips that are chosen by what they have; of a larger canary the others are spread over the file alone."""
_DIGITS: Final = 9
"""To which weights are compared: sums of the same weights must not differ by a rounding."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A clip that may be a part of the canary, or is one."""

    custom_id: str
    facts: Mapping[str, object]
    """What tells it from other clips, by axis."""
    after: str | None = None
    """The id of the clip whose end it waits for."""
    is_chosen: bool = False
    """Whether it was begun or chosen before."""


def select_canary(candidates: Sequence[Candidate], count: int) -> list[str]:
    """The ids of *count* more clips, the same for the same candidates.

    Values that no chosen clip has come first, those of the axes with the fewest values before others; then the values
    that are rarest among the chosen clips; then a part of the file from which none is chosen. A clip that waits for
    another is chosen after that one.

    Args:
        candidates: In the file's order, also those that are chosen already.
        count: How many are missing.
    """
    return _Selection(candidates, count).select()


class _Selection:
    """Greedy choice: a clip's rank only falls while others are chosen, so a heap is asked again and not sorted."""

    def __init__(self, candidates: Sequence[Candidate], count: int) -> None:
        self._candidates = candidates
        self._count = count
        self._numbers = {one.custom_id: number for number, one in enumerate(candidates)}
        self._weights, self._facts = _facts(candidates)
        self._chosen_counts = [0] * len(self._weights)
        self._parts: set[int] = set()
        self._chosen: set[int] = set()
        self._selected: list[str] = []
        for number, one in enumerate(candidates):
            if one.is_chosen:
                self._take(number)

    def select(self) -> list[str]:
        """The ids of the chosen clips, in the order of the choice."""
        self._select_by_facts(min(self._count, _COMPARED_MAX))
        left = [number for number in range(len(self._candidates)) if number not in self._chosen]
        missing = min(self._count - len(self._selected), len(left))
        for number in (*(left[index * len(left) // missing] for index in range(missing)), *left):
            self._select_chain(number)
        return self._selected

    def _select_by_facts(self, count: int) -> None:
        heap = [(self._rank(number), number) for number in range(len(self._candidates)) if number not in self._chosen]
        heapq.heapify(heap)
        while heap and len(self._selected) < count:
            number = heap[0][1]
            rank = self._rank(number)
            if number in self._chosen:
                heapq.heappop(heap)
            elif len(heap) > 1 and (rank, number) > min(heap[1:3]):
                heapq.heapreplace(heap, (rank, number))
            elif (first := self._first_of_chain(number)) is None:
                heapq.heappop(heap)  # it waits for a clip that cannot be chosen
            else:
                self._select(first)

    def _select_chain(self, number: int) -> None:
        """Choose a clip after those that it waits for, as far as there is room."""
        while number not in self._chosen and len(self._selected) < self._count:
            first = self._first_of_chain(number)
            if first is None:
                return
            self._select(first)

    def _select(self, number: int) -> None:
        self._take(number)
        self._selected.append(self._candidates[number].custom_id)

    def _first_of_chain(self, number: int) -> int | None:
        """The first clip of the chain that ends in this one and is not chosen; None if it waits for no candidate."""
        while (after := self._candidates[number].after) is not None:
            before = self._numbers.get(after)
            if before is None:
                return None
            if before in self._chosen:
                return number
            number = before
        return number

    def _take(self, number: int) -> None:
        self._chosen.add(number)
        for fact in self._facts[number]:
            self._chosen_counts[fact] += 1
        self._parts.add(self._part(number))

    def _rank(self, number: int) -> tuple[float, float, bool]:
        """The rank of a candidate; the smallest is chosen next."""
        missing = load = 0.0
        for fact in self._facts[number]:
            if count := self._chosen_counts[fact]:
                load += self._weights[fact] * count
            else:
                missing += self._weights[fact]
        return -round(missing, _DIGITS), round(load, _DIGITS), self._part(number) in self._parts

    def _part(self, number: int) -> int:
        """The part of the file in which a clip is, of as many as clips are wanted."""
        return number * self._count // len(self._candidates)


def _facts(candidates: Sequence[Candidate]) -> tuple[list[float], list[list[int]]]:
    """The weight of each fact, and the facts of each candidate by their numbers.

    A value of an axis weighs the less, the more values the axis has; an axis with one value tells nothing apart.
    """
    values: dict[str, set[object]] = {}
    for one in candidates:
        for axis, value in one.facts.items():
            values.setdefault(axis, set()).add(value)
    weights = {axis: 1 / len(found) for axis, found in values.items() if len(found) > 1}
    numbers: dict[tuple[str, object], int] = {}
    facts = [
        [numbers.setdefault(fact, len(numbers)) for fact in one.facts.items() if fact[0] in weights]
        for one in candidates
    ]
    return [weights[axis] for axis, _ in numbers], facts
