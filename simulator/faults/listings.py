"""Faults of the task list."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from simulator.exchange.call import Call
from simulator.exchange.dependencies import Service
from simulator.exchange.reply import Reply
from simulator.faults.kind import Kind, Spoil
from simulator.store.fault import Fault

Rows = list[dict[str, Any]]


def _changing(change: Callable[[Rows, Fault], Rows]) -> Spoil:
    def spoil(reply: Reply, fault: Fault, _call: Call, _service: Service) -> Reply:
        if reply.document is None or "data" not in reply.document:
            return reply
        return replace(reply, document=reply.document | {"data": change(reply.document["data"], fault)})

    return spoil


def _missing_row(rows: Rows, fault: Fault) -> Rows:
    kept = [row for row in rows if row["task_id"] != fault.task_id]
    return kept if len(kept) < len(rows) else rows[1:]


def _shifted(rows: Rows, _fault: Fault) -> Rows:
    return [*rows[1:], *rows[:1]][: max(len(rows) - 1, 0)]


def _repeated(rows: Rows, _fault: Fault) -> Rows:
    return [*rows, *rows]


def _none(_rows: Rows, _fault: Fault) -> Rows:
    return []


def _cut(reply: Reply, _fault: Fault, _call: Call, _service: Service) -> Reply:
    document = reply.document or {}
    rows: Rows = document.get("data", [])
    return replace(reply, document=document | {"data": rows[: len(rows) // 2], "total_page": 1}) if rows else reply


KINDS: Final = (
    Kind("missing-row", _changing(_missing_row), needs_answer=True),  # that of `task_id`, else the newest
    Kind("shifted-rows", _changing(_shifted), needs_answer=True),  # as if a row came in between two pages
    Kind("repeated-rows", _changing(_repeated), needs_answer=True),
    Kind("cut-page", _cut, needs_answer=True),  # half of its rows, as if the list ended there; `total` counts all
    Kind("no-rows", _changing(_none), needs_answer=True),  # none, though `total` counts them
)
