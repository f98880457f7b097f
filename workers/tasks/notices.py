"""Notifying people."""

from __future__ import annotations

from reelqueue import messages
from workers.app import app
from workers.notices.deliver import deliver_notifications
from workers.resources import context


@app.task(name=messages.NOTIFY_PEOPLE)
def notify_people_task() -> str:
    """Send what is due at the notification channels."""
    return deliver_notifications(context())
