"""The one way in which the writer asks a language model, and what has been paid for by it."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from threading import Lock
from typing import Final, Protocol

from reelqueue.errors import ReelqueueError
from reelqueue.pricing import region_of
from reelqueue.qwen import TextCost, TextRequest, Usage
from reelqueue.qwen.cost import cost_of, price_of
from reelqueue.qwen.settings import default_base_url
from reelqueue.states import FailureClass

ATTEMPTS_MAX: Final = 3
"""Of one text: the first, and two corrections."""


@dataclass(frozen=True, slots=True)
class TextAnswer:
    """A whole answer, and what is known about its bill."""

    text: str
    usage: Usage | None
    cost: TextCost | None
    """Of this answer and of earlier ones to the same call that were lost; None where no price is known."""


class TextCallError(ReelqueueError):
    """A call gave no whole answer, and is not made again by itself."""

    def __init__(self, name: str, why: str, failure: FailureClass, cost: TextCost | None = None) -> None:
        super().__init__(name, why, failure, cost)
        self.name = name
        """Of the call."""
        self.failure = failure
        self.cost = cost
        """The most that it may have cost; None: nothing, or unknown."""

    def __str__(self) -> str:
        return f"{self.args[0]}: {self.args[1]}"


class TextCalls(Protocol):
    """Asks a language model; the same name with the same request is paid for once, also after a restart."""

    def most(self, request: TextRequest) -> TextCost | None:
        """The most that a call may cost; None where no price is known.

        Raises:
            InvalidRequestError: The service would refuse it.
        """

    def ask(self, name: str, request: TextRequest) -> TextAnswer:
        """The answer to *request*; thread-safe.

        Raises:
            TextCallError: There is none.
        """


@dataclass(frozen=True, slots=True)
class Asked:
    """One call that was made."""

    name: str
    usage: Usage | None
    cost: TextCost | None


@dataclass(slots=True)
class CountedCalls:
    """Calls that together cost no more than a limit, with what each has cost; thread-safe."""

    calls: TextCalls
    max_cost: Decimal | None = None
    """None sets no limit."""
    asked: list[Asked] = field(default_factory=list)
    _held: Decimal = Decimal(0)
    """The most that calls under way may cost, and what the others have."""
    _lock: Lock = field(default_factory=Lock)

    def ask(self, name: str, request: TextRequest) -> TextAnswer:
        """The answer to *request*.

        Raises:
            TextCallError: There is none, or it could bring the sum above the limit.
        """
        most = self.calls.most(request)
        held = most.amount if most else Decimal(0)
        with self._lock:
            if self.max_cost is not None and (most is None or self._held + held > self.max_cost):
                why = f"it might bring the text above {self.max_cost}; give more with --max-text-cost"
                raise TextCallError(name, why, FailureClass.INPUT)
            self._held += held
        paid: TextCost | None = None
        try:
            answer = self.calls.ask(name, request)
            paid = answer.cost
        except TextCallError as error:
            paid = error.cost
            self._note(Asked(name, None, error.cost), held, error.cost)
            raise
        self._note(Asked(name, answer.usage, paid), held, paid)
        return answer

    def _note(self, asked: Asked, held: Decimal, paid: TextCost | None) -> None:
        with self._lock:
            self.asked.append(asked)
            self._held += (paid.amount if paid else Decimal(0)) - held


def total_cost(asked: list[Asked]) -> TextCost | None:
    """What calls have cost together; None if none of them has a price."""
    costs = [call.cost for call in asked if call.cost is not None]
    return sum(costs[1:], costs[0]) if costs else None


def full_price(asked: list[Asked], model: str) -> Decimal | None:
    """What calls would have cost without the cache; None where no price is published."""
    price = price_of(model, region_of(default_base_url()))
    if price is None:
        return None
    plain = (Usage(call.usage.prompt_tokens, call.usage.completion_tokens) for call in asked if call.usage)
    return sum((cost_of(usage, price).amount for usage in plain), Decimal(0))
