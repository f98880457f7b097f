"""Dispatch behind the gates: the way in which workers dispatch."""

from __future__ import annotations

from workers.dispatch.admission import Admitted
from workers.dispatch.default_account import ensure_default_account
from workers.dispatch.dispatcher import dispatch
from workers.recovery.gates import open_gates
from workers.runtime.context import Context


def guarded_dispatch(context: Context) -> list[Admitted]:
    """Make the default account if there is none, open the gates that can be opened, and admit what fits.

    A dispatch by itself admits nothing to an account whose gate is closed.
    """
    with context.sessions.begin() as session:
        ensure_default_account(session, context)
    open_gates(context)
    return dispatch(context)
