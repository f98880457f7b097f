"""What a caller has agreed to pay for; nothing is bought beyond it."""

from __future__ import annotations

from decimal import Decimal

from pydantic import BaseModel, ConfigDict, Field, StrictInt

from api.problem_details import ProblemError


class Agreement(BaseModel):
    """What a person was shown before saying yes: between the two, more may have come."""

    model_config = ConfigDict(extra="forbid")

    count_max: StrictInt | None = Field(default=None, ge=0, description="Do nothing if it is more clips than this.")
    amount_max: str | None = Field(
        default=None,
        pattern=r"^[0-9]{1,12}(\.[0-9]{1,6})?$",
        description="Do nothing if they may cost more than this, by the list prices and in their currency.",
    )

    def check(self, count: int, amount: Decimal) -> None:
        """Refuse what is more than was agreed to.

        Args:
            count: Clips that would be bought.
            amount: The most that those with a price may cost.

        Raises:
            ProblemError: 409.
        """
        is_agreed = (self.count_max is None or count <= self.count_max) and (
            self.amount_max is None or amount <= Decimal(self.amount_max)
        )
        if not is_agreed:
            raise ProblemError(
                409,
                "more_than_agreed",
                f"it is {count} clips for at most {amount:f} by now, which is more than was agreed to; nothing was "
                "bought: look at it again",
                field="count_max" if self.count_max is not None and count > self.count_max else "amount_max",
            )
