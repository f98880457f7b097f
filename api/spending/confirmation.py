"""What a caller has agreed to pay for; nothing is rendered beyond it."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated, Final, Protocol

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictInt

from api.problem_details import ProblemError
from reelqueue.requests.fields import whole_number

_NAMED: Final = 10


_Count = Annotated[StrictInt, Field(ge=0), BeforeValidator(whole_number)]


class Cost(Protocol):
    """What would be rendered."""

    @property
    def count(self) -> int:
        """Clips."""

    @property
    def max_amount(self) -> Decimal:
        """The most that those with a price may cost."""

    @property
    def currency(self) -> str | None:
        """Theirs, an ISO 4217 code; None where none has a price."""

    @property
    def unpriced_count(self) -> int:
        """Clips without a price."""

    @property
    def unpriced_ids(self) -> Sequence[str]:
        """Some of those."""


class Agreement(BaseModel):
    """What a person was shown before saying yes: between the two, more may have come."""

    model_config = ConfigDict(extra="forbid")

    count_max: _Count | None = Field(default=None, description="Do nothing if it is more clips than this.")
    amount_max: str | None = Field(
        default=None,
        pattern=r"^[0-9]{1,12}(\.[0-9]{1,6})?$",
        description="Do nothing if they may cost more than this, by the list prices and in their currency.",
    )

    unpriced_max: _Count | None = Field(
        default=None,
        description="Do nothing if more clips than this have no price, which no amount covers; none may have with "
        "`amount_max`, unless this is given.",
    )

    @property
    def is_limited(self) -> bool:
        """Whether anything was agreed to, and not just everything."""
        return any(one is not None for one in (self.count_max, self.amount_max, self.unpriced_max))

    def check(self, cost: Cost) -> None:
        """Refuse what is more than was agreed to.

        Args:
            cost: What would be rendered.

        Raises:
            ProblemError: 409.
        """
        unpriced_max = 0 if self.unpriced_max is None and self.amount_max is not None else self.unpriced_max
        if self.count_max is not None and cost.count > self.count_max:
            raise _more_than_agreed(cost, "count_max")
        if self.amount_max is not None and cost.max_amount > Decimal(self.amount_max):
            raise _more_than_agreed(cost, "amount_max")
        if unpriced_max is not None and cost.unpriced_count > unpriced_max:
            raise _unpriced(cost)


def _more_than_agreed(cost: Cost, field: str) -> ProblemError:
    unit = f" {cost.currency}" if cost.currency else ""
    seen = f"this would now render {cost.count} clips for up to {cost.max_amount:f}{unit}, more than you confirmed"
    return ProblemError(409, "more_than_agreed", f"{seen}; nothing was submitted: run the preview again", field=field)


def _unpriced(cost: Cost) -> ProblemError:
    named = ", ".join(cost.unpriced_ids[:_NAMED])
    return ProblemError(
        409,
        "more_than_agreed",
        f"{cost.unpriced_count} of {cost.count} clips have no price, so no amount covers them; nothing was submitted: "
        f"agree to them with unpriced_max, or leave them out: {named}{', ...' if cost.unpriced_count > _NAMED else ''}",
        field="unpriced_max",
    )
