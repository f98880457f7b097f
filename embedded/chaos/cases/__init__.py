"""The catalogue of faults at the level of processes: one list for the fault tests and for ``./run chaos``."""

from __future__ import annotations

from typing import Final

from embedded.chaos.cases.batches import BATCHES
from embedded.chaos.cases.case import Case
from embedded.chaos.cases.crashes import CRASHES
from embedded.chaos.cases.hosts import HOSTS
from embedded.chaos.cases.messages import MESSAGES
from embedded.chaos.cases.provider import PROVIDER
from embedded.chaos.cases.results import RESULTS
from embedded.chaos.cases.services import SERVICES
from embedded.chaos.cases.storms import STORMS
from embedded.chaos.cases.texts import TEXTS

CASES: Final = (*CRASHES, *HOSTS, *SERVICES, *MESSAGES, *PROVIDER, *RESULTS, *TEXTS, *BATCHES, *STORMS)
"""Every case, by family."""

__all__ = ["CASES", "STORMS", "Case"]
