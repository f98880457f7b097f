"""Every way in which an answer can go wrong, by name."""

from __future__ import annotations

from simulator.exchange.call import Call
from simulator.exchange.dependencies import Service
from simulator.exchange.reply import Reply
from simulator.faults import answers, listings, results, tasks, texts, transport
from simulator.faults.kind import Kind
from simulator.store.fault import Fault

KINDS: dict[str, Kind] = {
    kind.name: kind for family in (transport, answers, tasks, listings, results, texts) for kind in family.KINDS
}
"""All kinds; `Fault.kind` is one of these names."""


def alter(reply: Reply, fault: Fault, call: Call, service: Service) -> Reply:
    """*reply* as *fault* spoils it."""
    return KINDS[fault.kind].spoil(reply, fault, call, service)
