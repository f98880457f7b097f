"""What the operations work with."""

from __future__ import annotations

from dataclasses import dataclass

from simulator.accounts import Accounts
from simulator.billing.signature_check import SignatureCheck
from simulator.clips.clip_cache import ClipLibrary
from simulator.core.provider import Provider
from simulator.event_webhooks import Announcer
from simulator.fault_script import FaultScript
from simulator.signing import Signer
from simulator.texts.batches import Batches
from simulator.texts.files import Files
from simulator.texts.service import Texts


@dataclass(frozen=True, slots=True)
class Service:
    """The parts behind the wire."""

    provider: Provider
    accounts: Accounts
    signer: Signer
    faults: FaultScript
    clips: ClipLibrary
    announcer: Announcer
    texts: Texts
    files: Files
    batches: Batches
    bill_access: SignatureCheck

    def close(self) -> None:
        """Stop drawing clips and give the state folder back."""
        self.clips.close()
        self.provider.store.close()
