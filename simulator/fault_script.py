"""The queue of scripted faults: which one, if any, meets a call."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

from simulator.clock import Clock
from simulator.store.fault import Fault
from simulator.store.faults import FaultTable


@dataclass(slots=True)
class _Scripted:
    fault_id: int
    fault: Fault
    met: int
    """Calls that matched, those that `Fault.skip` let pass included."""

    @property
    def taken(self) -> int:
        return max(self.met - self.fault.skip, 0)

    def is_spent(self, now_ms: int) -> bool:
        fault = self.fault
        if fault.for_seconds is not None and now_ms >= fault.added_ms + fault.for_seconds * 1000:
            return True
        return fault.count is not None and self.taken >= fault.count


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What a call is about, as far as faults can match it."""

    operation: str
    account: str
    model: str
    task_id: str
    prompt: str


class FaultScript:
    """Faults in the order in which they were added; the first that matches a call is taken."""

    def __init__(self, table: FaultTable, clock: Clock) -> None:
        self._table = table
        self._clock = clock
        self._scripted = [_Scripted(fault_id, fault, met) for fault_id, fault, met in table.all()]

    def add(self, fault: Fault) -> int:
        """Queue a fault; returns its id."""
        fault = replace(fault, added_ms=self._clock.now_ms())
        fault_id = self._table.insert(fault)
        self._scripted.append(_Scripted(fault_id, fault, 0))
        return fault_id

    def take(self, call: Circumstances) -> Fault | None:
        """The fault that meets this call, counted as used."""
        now_ms = self._clock.now_ms()
        for scripted in self._scripted:
            if scripted.is_spent(now_ms) or not _matches(scripted.fault, call):
                continue
            scripted.met += 1
            self._table.set_taken(scripted.fault_id, scripted.met)
            if scripted.met > scripted.fault.skip:
                return scripted.fault
        return None

    def clear(self) -> None:
        """Forget every fault."""
        self._table.delete_all()
        self._scripted.clear()

    def describe(self) -> list[dict[str, Any]]:
        """Every fault with how often it was taken and whether it is spent."""
        now_ms = self._clock.now_ms()
        return [
            {"id": one.fault_id, "taken": one.taken, "is_spent": one.is_spent(now_ms)} | asdict(one.fault)
            for one in self._scripted
        ]


def _matches(fault: Fault, call: Circumstances) -> bool:
    if fault.operation not in {"*", call.operation}:
        return False
    match = fault.match
    pairs = ((match.account, call.account), (match.model, call.model), (match.task_id, call.task_id))
    if any(wanted is not None and wanted != seen for wanted, seen in pairs):
        return False
    return match.prompt_contains is None or match.prompt_contains in call.prompt
