"""Rows of scripted faults."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import asdict

from simulator.store.fault import Fault, load_fault


class FaultTable:
    """Faults in the order in which they were added, with how often each was taken."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database

    def insert(self, fault: Fault) -> int:
        """Store a fault and return its id."""
        cursor = self._database.execute(
            "INSERT INTO faults (specification, taken) VALUES (?, 0)", (json.dumps(asdict(fault)),)
        )
        return cursor.lastrowid or 0

    def all(self) -> list[tuple[int, Fault, int]]:
        """Id, fault and times taken, oldest first."""
        rows = self._database.execute("SELECT * FROM faults ORDER BY fault_id")
        return [(row["fault_id"], load_fault(json.loads(row["specification"])), row["taken"]) for row in rows]

    def set_taken(self, fault_id: int, taken: int) -> None:
        """Remember how often a fault was taken."""
        self._database.execute("UPDATE faults SET taken = ? WHERE fault_id = ?", (taken, fault_id))

    def delete_all(self) -> None:
        """Forget every fault."""
        self._database.execute("DELETE FROM faults")
