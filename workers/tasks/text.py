"""Text jobs."""

from __future__ import annotations

from uuid import UUID

from reelqueue import messages
from workers.app import app
from workers.batches.gathering import gather_text_jobs
from workers.batches.stepping import step_batch
from workers.resources import context
from workers.texts.answer import answer_text_job


# Acknowledged early: an answer may take longer than the broker waits, and the sweep brings a killed one back.
@app.task(name=messages.TEXT_ANSWER, acks_late=False)
def answer_task(job_id: str) -> str:
    """Ask the first text job of a model."""
    return answer_text_job(context(), UUID(job_id))


# Acknowledged early, as above: the files of a batch take as long as they take.
@app.task(name=messages.TEXT_GATHER, acks_late=False)
def gather_task(model: str) -> str:
    """Make batches of the jobs of a model that are due."""
    return gather_text_jobs(context(), model)


@app.task(name=messages.TEXT_BATCH, acks_late=False)
def batch_task(batch_id: str) -> str:
    """Take the next step of a batch."""
    return step_batch(context(), UUID(batch_id))
