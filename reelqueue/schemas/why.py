"""What the API says about why a render job waits."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from pydantic import Field

from reelqueue.schemas.jobs import Wire
from reelqueue.states import RenderState


class Why(Wire):
    """What a render job waits for at one moment, and what would change that."""

    job_id: UUID = Field(description="The job.")
    state: RenderState = Field(description="Its state.")
    cause: str = Field(description="One word for programs, such as `paused`, `slots` or `rendering`.")
    reason: str = Field(description="What it waits for; of a job that has ended, how.")
    remedy: str | None = Field(description="What changes that: a command, or who can do something; null: time alone.")
    is_blocking: bool = Field(description="Whether it waits until a person acts, rather than for its turn.")
    until: datetime | None = Field(description="When that ends or is looked at next; null: not known, or no time.")
    ahead_count: int | None = Field(description="Jobs that get slots before it; null where it waits for no slot.")
