"""What was paid, beside what was expected: the same types on the server, in the client and for operators."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from pydantic import Field

from reelqueue.schemas.grouping import Grouping
from reelqueue.schemas.jobs import Money, Wire


def money_text(amount: Decimal) -> str:
    """An amount for people: two digits behind the point, or as many as it has."""
    digits = max(2, -int(amount.normalize().as_tuple().exponent))
    return f"{amount:,.{digits}f}"


class StatementSums(Wire):
    """Sums in one currency."""

    currency: str | None = Field(description="ISO 4217 code; null: no price is published for these clips.")
    clips: int = Field(description="Videos that the provider has billed.")
    seconds: Money = Field(description="Billed seconds of them.")
    amount: Money = Field(description="What they cost: billed seconds times the price at admission.")
    estimate: Money = Field(description="What was reserved for them: the most that they could cost.")
    written_off: Money = Field(description="Given up without an answer, and counted as spent.")
    reserved: Money = Field(description="Held now for videos that are being made.")


class StatementLine(StatementSums):
    """Sums of one group."""

    group: str = Field(description="The day, campaign, model or account.")


class TextStatementSums(Wire):
    """Sums of calls to language models in one currency."""

    currency: str | None = Field(description="ISO 4217 code; null: no price is published for these models.")
    calls: int = Field(description="Calls that were answered, or whose answer was lost.")
    input_tokens: int = Field(description="Of the calls whose usage is known.")
    output_tokens: int = Field(description="Of the calls whose usage is known, thoughts included.")
    amount: Money = Field(description="What the calls cost whose usage is known.")
    written_off: Money = Field(
        description="The most that the other calls may have cost, counted as spent: their answers were lost, or came "
        "without usage."
    )
    reserved: Money = Field(description="Held now for calls that are being answered.")


class TextStatementLine(TextStatementSums):
    """Sums of one group."""

    group: str = Field(description="The day, campaign, model or account.")


class Statement(Wire):
    """What was paid in a range of days."""

    by: Grouping = Field(description="What the lines are about.")
    first_day: date | None = Field(description="First day of UTC, included; null: from the beginning.")
    last_day: date | None = Field(description="Last day of UTC, included; null: up to now.")
    lines: list[StatementLine] = Field(description="One per group and currency.")
    totals: list[StatementSums] = Field(description="One per currency.")
    texts: list[TextStatementLine] = Field(
        default_factory=list, description="Language models, apart from the videos: one per group and currency."
    )
    text_totals: list[TextStatementSums] = Field(default_factory=list, description="One per currency.")
    unaccounted_seconds: Money = Field(
        description="Seconds that the provider says it billed for videos submitted in these days, and that are not "
        "settled as such: always 0, or there is a bug."
    )

    @property
    def is_whole(self) -> bool:
        """Whether every second that the provider billed is settled."""
        return self.unaccounted_seconds == Decimal(0)
