"""What was ordered against what was stored, kept and billed; the provider's bill is the only judge of money."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, NamedTuple

import httpx
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from embedded.chaos.text_check import TextCheck, TextResult
from models import Asset, EntryKind, LedgerEntry, ProviderTask, RenderJob
from reelqueue.states import RenderState
from workers.audit.invariants import audit

SUCCEEDED: Final = frozenset({RenderState.SUCCEEDED})
CANCELLED: Final = frozenset({RenderState.CANCELLED})
EITHER: Final = SUCCEEDED | CANCELLED
_JOURNAL: Final = ".journal/"


@dataclass(frozen=True)
class Order:
    """One clip that the producer ordered."""

    key: str
    """The idempotency key."""
    prompt: str
    """Shared by orders that ask for the same; empty: none is sent."""
    ends_in: frozenset[RenderState]
    """How its job may end."""
    chapter: str = ""
    """During which case it was made."""


@dataclass(frozen=True)
class CheckResult:
    """Result of the checks: what is wrong, if anything."""

    findings: list[str] = field(default_factory=list)
    """Invariants that do not hold, as the audit says, and files without a record."""
    lost: list[str] = field(default_factory=list)
    """Orders that are not one job with the end that they should have, or have a video that was never billed."""
    duplicates: list[str] = field(default_factory=list)
    """Orders with a billed task that they did not need, once for each."""
    unaccounted_seconds: Decimal = Decimal(0)
    """Billed, and not on record here, or the other way round."""
    texts: TextResult = field(default_factory=TextResult)
    """Of the text jobs."""

    @property
    def all_findings(self) -> list[str]:
        """Of clips and of texts."""
        return [*self.findings, *self.texts.findings]

    @property
    def is_good(self) -> bool:
        """Whether nothing is wrong."""
        is_wrong = self.findings or self.lost or self.duplicates or self.unaccounted_seconds
        return not is_wrong and self.texts.is_good

    def __str__(self) -> str:
        """Every count, and the rows behind it."""
        counts = f"lost {len(self.lost)}, duplicates {len(self.duplicates)}, unaccounted {self.unaccounted_seconds} s"
        lost = (f"lost: {key}" for key in [*self.lost, *self.texts.lost])
        too_often = (f"sent too often: {key}" for key in self.texts.sent_too_often)
        twice = map(_twice, self.duplicates)
        made_twice = (f"made twice: batch {name}" for name in self.texts.made_twice)
        return "\n".join([counts, *self.all_findings, *lost, *twice, *too_often, *made_twice])


@dataclass
class BillCheck:
    """All orders since the world was empty."""

    engine: Engine
    simulator: httpx.Client
    """The simulator's control plane: its ledger."""
    archive: Path
    texts: TextCheck
    orders: dict[str, Order] = field(default_factory=dict)

    def look(self) -> CheckResult:
        """What is wrong already, while work is under way: invariants that hold at every commit, and doubled bills."""
        billed = Counter(self._keys(self._bill()))
        doubled = billed - Counter(self._payers().values())
        return CheckResult(findings=self._audit(), duplicates=sorted(doubled.elements()), texts=self.texts.look())

    def close(self) -> CheckResult:
        """What is wrong now that nothing is under way."""
        bill = self._bill()
        with Session(self.engine) as session:
            jobs = session.execute(select(RenderJob.idempotency_key, RenderJob.state)).all()
            settled = _settled(session)
        billed, count = Counter(self._keys(bill)), Counter(str(key) for key, _ in jobs)
        payers = self._payers()
        owed = Counter(payers.get(str(key), str(key)) for key, state in jobs if state is RenderState.SUCCEEDED)
        ended = {str(key): state for key, state in jobs}
        lost = [order.key for order in self.orders.values() if ended.get(order.key) not in order.ends_in]
        charged = {
            entry["task_id"]: _Charge(Decimal(entry["billed_seconds"]), Decimal(entry["amount"])) for entry in bill
        }
        return CheckResult(
            findings=[*self._audit(), *self._strays(), *_mispriced(charged, settled)],
            lost=sorted({*lost, *(key for key in count if count[key] > 1), *(owed - billed)}),
            duplicates=sorted((billed - owed).elements()),
            unaccounted_seconds=sum(
                (abs(one.seconds - other.seconds) for _, one, other in _pairs(charged, settled)), Decimal(0)
            ),
            texts=self.texts.close(),
        )

    def _audit(self) -> list[str]:
        with Session(self.engine) as session:
            return [f"{found.check.name}: {found.rows}" for found in audit(session) if found.rows]

    def _bill(self) -> list[dict[str, Any]]:
        entries: list[dict[str, Any]] = self.simulator.get("ledger").raise_for_status().json()["entries"]
        return entries

    def _keys(self, bill: Collection[dict[str, Any]]) -> list[str]:
        """Whose prompt each billed task has."""
        payers = self._payers()
        keys = {_digest(order.prompt): payers[order.key] for order in self.orders.values()}
        return [keys.get(entry["prompt_sha256"], "of no job") for entry in bill]

    def _payers(self) -> dict[str, str]:
        """The first of the orders that share a prompt, by the key of each: the bill does not distinguish them."""
        first: dict[str, str] = {}
        return {order.key: first.setdefault(order.prompt, order.key) for order in self.orders.values()}

    def _strays(self) -> list[str]:
        """Files of the archive that are not on record, half ones included, and files on record that are not there."""
        with Session(self.engine) as session:
            recorded = set(session.scalars(select(Asset.path)))
        kept = {str(path.relative_to(self.archive)) for path in self.archive.rglob("*") if path.is_file()}
        kept = {path for path in kept if not path.startswith(_JOURNAL)}  # it is no clip's
        return [f"file {path} is {'kept' if path in kept else 'recorded'} only" for path in sorted(recorded ^ kept)]


def _digest(prompt: str) -> str:
    return hashlib.sha256(prompt.encode()).hexdigest()


class _Charge(NamedTuple):
    """What a task cost, by one of the two ledgers."""

    seconds: Decimal
    amount: Decimal


_Charges = dict[str, _Charge]
"""By the provider's task id."""
_NOTHING: Final = _Charge(Decimal(0), Decimal(0))


def _settled(session: Session) -> _Charges:
    """What our ledger says."""
    rows = session.execute(
        select(ProviderTask.provider_task_id, LedgerEntry.seconds, LedgerEntry.amount)
        .join(LedgerEntry, LedgerEntry.provider_task_id == ProviderTask.id)
        .where(LedgerEntry.kind == EntryKind.SETTLE)
    )
    return {task_id: _Charge(seconds or Decimal(0), amount or Decimal(0)) for task_id, seconds, amount in rows}


def _pairs(charged: _Charges, settled: _Charges) -> Iterator[tuple[str, _Charge, _Charge]]:
    """Both sides' word, task by task."""
    for task_id in sorted(charged.keys() | settled.keys()):
        yield task_id, charged.get(task_id, _NOTHING), settled.get(task_id, _NOTHING)


def _mispriced(charged: _Charges, settled: _Charges) -> list[str]:
    return [
        f"task {task_id} was billed {one.amount} and settled {other.amount}"
        for task_id, one, other in _pairs(charged, settled)
        if one.amount != other.amount
    ]


def _twice(key: str) -> str:
    return f"billed for nothing: {key}"
