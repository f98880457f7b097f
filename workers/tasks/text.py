"""Text jobs."""

from __future__ import annotations

from uuid import UUID

from reelqueue import messages
from workers.app import app
from workers.resources import context
from workers.texts.answer import answer_text_job


# Acknowledged early: an answer may take longer than the broker waits, and the sweep brings a killed one back.
@app.task(name=messages.TEXT_ANSWER, acks_late=False)
def answer_task(job_id: str) -> str:
    """Ask the first text job of a model."""
    return answer_text_job(context(), UUID(job_id))
