"""Dispatch behind the gates: the way in which workers dispatch."""

from __future__ import annotations

from workers.dispatch.admission import Admitted
from workers.dispatch.default_account import ensure_default_account
from workers.dispatch.dispatcher import dispatch
from workers.recovery.gates import open_gates
from workers.runtime.context import Services


def guarded_dispatch(services: Services) -> list[Admitted]:
    """Make the default account if there is none, open the gates that can be opened, and admit what fits.

    A dispatch by itself admits nothing to an account whose gate is closed.
    """
    with services.sessions.begin() as session:
        ensure_default_account(session, services)
    open_gates(services)
    return dispatch(services)
