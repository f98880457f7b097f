"""Wait for a job with a progress line."""

from __future__ import annotations

from typing import Final

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from reelqueue.cli._output import talk
from reelqueue.client import RenderJobHandle
from reelqueue.schemas.jobs import Job
from reelqueue.states import RenderState

_STEPS: Final = (
    RenderState.QUEUED,
    RenderState.ADMITTED,
    RenderState.SUBMITTING,
    RenderState.RENDERING,
    RenderState.ARCHIVING,
    RenderState.SUCCEEDED,
)


def watch(job: RenderJobHandle, timeout_seconds: float) -> Job:
    """The finished job; on the way, a bar on a terminal and a line for each state elsewhere."""
    console = Console(stderr=True)
    if not console.is_terminal:
        return job.wait(timeout_seconds, on_change=_Teller())
    bar = Progress(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TimeElapsedColumn(),
        console=console,
    )
    with bar:
        task = bar.add_task(job.job.state, total=len(_STEPS) - 1)

        def show(now: Job) -> None:
            bar.update(task, description=_words(now), completed=_step(now.state))

        return job.wait(timeout_seconds, on_change=show)


class _Teller:
    """Says each state once."""

    def __init__(self) -> None:
        self._said: RenderState | None = None

    def __call__(self, job: Job) -> None:
        if job.state is not self._said:
            self._said = job.state
            talk(_words(job))


def _words(job: Job) -> str:
    return f"{job.state} ({job.provider_status})" if job.provider_status and not job.is_terminal else job.state


def _step(state: RenderState) -> int | None:
    """How far along the bar *state* is; None leaves it where it stands."""
    return _STEPS.index(state) if state in _STEPS else None
