"""Every way in which an answer can go wrong, by name."""

from __future__ import annotations

from simulator.faults import answers, listings, results, tasks, transport
from simulator.faults.fault import Fault
from simulator.faults.kind import Kind
from simulator.http.call import Call
from simulator.http.reply import Reply
from simulator.http.service import Service

KINDS: dict[str, Kind] = {
    kind.name: kind for family in (transport, answers, tasks, listings, results) for kind in family.KINDS
}
"""All kinds; `Fault.kind` is one of these names."""


def alter(reply: Reply, fault: Fault, call: Call, service: Service) -> Reply:
    """*reply* as *fault* spoils it."""
    return KINDS[fault.kind].spoil(reply, fault, call, service)
