"""Accounts that take submits from the start, as after a comparison with an empty list."""

from __future__ import annotations

from models.operations.scheduling.submit_gates import close_gate, database_identity, ensure_gate, open_gate
from workers.dispatch.default_account import ensure_default_account
from workers.runtime.context import Context


def open_default_gate(context: Context) -> None:
    """Make the default account with an open gate."""
    with context.sessions.begin() as session:
        now = context.clock.now(session)
        gate = ensure_gate(session, ensure_default_account(session, context))
        close_gate(gate, database_identity(session), now)
        open_gate(gate, now)
