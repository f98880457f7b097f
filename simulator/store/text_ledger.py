"""The bill of the language models: one row for each answer, ever."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any


@dataclass(frozen=True, slots=True)
class TextCharge:
    """What one answer cost."""

    request_id: str
    account: str
    model: str
    messages_sha256: str
    """Hex digest of the messages: tells whether one question was paid for twice without keeping its words."""
    prompt_tokens: int
    cached_tokens: int
    written_tokens: int
    completion_tokens: int
    reasoning_tokens: int
    amount: str | None
    """Decimal text; ``None`` for a model whose price is not known."""
    currency: str | None
    settled_ms: int
    batch_id: str | None = None
    """The batch that it was a line of; its price is half."""
    custom_id: str | None = None
    """Name of that line."""


class TextLedgerTable:
    """Charges of all accounts."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database

    def settle(self, charge: TextCharge) -> None:
        """Add *charge*."""
        values = asdict(charge)
        self._database.execute(
            f"INSERT INTO text_ledger VALUES ({', '.join(f':{name}' for name in values)})",  # noqa: S608 - field names
            values,
        )

    def charges(self, account: str | None = None) -> list[TextCharge]:
        """All charges in the order in which they fell due, of one account or of all."""
        rows = self._database.execute(
            "SELECT * FROM text_ledger WHERE ?1 IS NULL OR account = ?1 ORDER BY rowid", (account,)
        )
        return [TextCharge(**dict(row)) for row in rows]


def text_summary(charges: Iterable[TextCharge]) -> dict[str, Any]:
    """Charges with their totals by currency, as the control plane shows them."""
    entries = [asdict(charge) for charge in charges]
    totals: dict[str, Decimal] = {}
    for entry in entries:
        if entry["amount"] is not None:
            totals[entry["currency"]] = totals.get(entry["currency"], Decimal(0)) + Decimal(entry["amount"])
    tokens = ("prompt_tokens", "cached_tokens", "written_tokens", "completion_tokens", "reasoning_tokens")
    return {
        "count": len(entries),
        **{name: sum(entry[name] for entry in entries) for name in tokens},
        "totals": {currency: f"{total:f}" for currency, total in totals.items()},
        "entries": entries,
    }
