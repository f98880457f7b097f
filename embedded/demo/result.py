"""Was every clip rendered, and paid for once? Judged from the API's word and the simulator's bill."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import ROUND_UP, Decimal
from typing import Final

from reelqueue.qwen import TextCost
from reelqueue.schemas.jobs import Job
from reelqueue.states import RenderState

_SHOWN: Final = Decimal("0.0001")


@dataclass(frozen=True)
class TextBill:
    """What the language model's part has cost, by our record and by the provider's bill."""

    cost: TextCost
    billed: Decimal

    def __str__(self) -> str:
        return f"text {self.cost.amount.quantize(_SHOWN, ROUND_UP)} {self.cost.currency}"


@dataclass(frozen=True)
class DemoResult:
    """The demo's last line."""

    wanted_count: int
    succeeded_count: int
    billed_count: int
    duplicate_count: int
    """Billed tasks that are not the one task of a succeeded job."""
    adopted_count: int | None = None
    """Clips whose answer was lost and whose task was found in the provider's list; None: no answer was to be lost."""

    text: TextBill | None = None
    """None: no text was asked for."""

    @property
    def is_good(self) -> bool:
        """Whether every clip is there, nothing else was paid for, and what was to be found was found."""
        is_paid_once = (self.succeeded_count, self.billed_count, self.duplicate_count) == (
            self.wanted_count,
            self.wanted_count,
            0,
        )
        is_text_right = self.text is None or self.text.cost.amount == self.text.billed
        return is_paid_once and is_text_right and self.adopted_count != 0

    def __str__(self) -> str:
        adopted = "" if self.adopted_count is None else f" · adopted {self.adopted_count}"
        text = "" if self.text is None else f" · {self.text}"
        return (
            f"{self.succeeded_count}/{self.wanted_count} succeeded · billed {self.billed_count} "
            f"· duplicates {self.duplicate_count}{adopted}{text}"
        )


def evaluate(
    jobs: Sequence[Job],
    billed_task_ids: Iterable[str],
    *,
    wanted_count: int,
    adopted_count: int | None = None,
    text: TextBill | None = None,
) -> DemoResult:
    """Compare the jobs with the bill.

    Args:
        jobs: As the API shows them.
        billed_task_ids: Provider tasks, one for each line of the bill.
        wanted_count: How many clips were asked for.
        adopted_count: As in :class:`DemoResult`.
        text: As in :class:`DemoResult`.
    """
    billed = list(billed_task_ids)
    succeeded = [job for job in jobs if job.state is RenderState.SUCCEEDED]
    paid_once = {job.provider_task_id for job in succeeded} & set(billed)
    return DemoResult(
        wanted_count=wanted_count,
        succeeded_count=len(succeeded),
        billed_count=len(billed),
        duplicate_count=len(billed) - len(paid_once),
        adopted_count=adopted_count,
        text=text,
    )
