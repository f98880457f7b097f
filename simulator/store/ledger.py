"""The bill: one row for each succeeded task, ever."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any


@dataclass(frozen=True, slots=True)
class Charge:
    """What one succeeded task cost."""

    task_id: str
    account: str
    model: str
    request_id: str
    """Of the submit."""
    prompt_sha256: str
    """Hex digest of the UTF-8 prompt: finds the charge of a job without keeping its words."""
    billed_seconds: str
    """Decimal text."""
    amount: str | None
    """Decimal text; ``None`` for a model whose price is not known."""
    currency: str | None
    settled_ms: int


class LedgerTable:
    """Charges of all accounts."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database

    def settle(self, charge: Charge) -> None:
        """Add *charge* unless its task was charged before: a task is billed once."""
        self._database.execute(
            "INSERT INTO ledger VALUES (:task_id, :account, :model, :request_id, :prompt_sha256, :billed_seconds,"
            " :amount, :currency, :settled_ms) ON CONFLICT (task_id) DO NOTHING",
            asdict(charge),
        )

    def charges(self, account: str | None = None) -> list[Charge]:
        """All charges in the order in which they fell due, of one account or of all."""
        rows = self._database.execute(
            "SELECT * FROM ledger WHERE ?1 IS NULL OR account = ?1 ORDER BY settled_ms, task_id", (account,)
        )
        return [Charge(**dict(row)) for row in rows]


def summary(charges: Iterable[Charge]) -> dict[str, Any]:
    """Charges with their totals by currency, as the control plane shows them."""
    entries = [asdict(charge) for charge in charges]
    totals: dict[str, Decimal] = {}
    for entry in entries:
        if entry["amount"] is not None:
            totals[entry["currency"]] = totals.get(entry["currency"], Decimal(0)) + Decimal(entry["amount"])
    seconds = sum((Decimal(entry["billed_seconds"]) for entry in entries), Decimal(0))
    return {
        "count": len(entries),
        "billed_seconds": str(seconds),
        "totals": {currency: str(total) for currency, total in totals.items()},
        "entries": entries,
    }
