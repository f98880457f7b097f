"""What the operations work with."""

from __future__ import annotations

from dataclasses import dataclass

from simulator.clips.library import ClipLibrary
from simulator.faults.script import FaultScript
from simulator.http.accounts import Accounts
from simulator.http.announcements import Announcer
from simulator.provider import Provider
from simulator.signing import Signer


@dataclass(frozen=True, slots=True)
class Service:
    """The parts behind the wire."""

    provider: Provider
    accounts: Accounts
    signer: Signer
    faults: FaultScript
    clips: ClipLibrary
    announcer: Announcer

    def close(self) -> None:
        """Stop drawing clips and give the state folder back."""
        self.clips.close()
        self.provider.store.close()
