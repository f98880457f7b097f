"""Shows the states of the demo's jobs: a live table on a terminal, a line per change elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.table import Table

from embedded.processes.restart import Ending
from reelqueue.schemas.jobs import Job
from reelqueue.states import RenderState

_STYLES = {RenderState.SUCCEEDED: "green", RenderState.RENDERING: "yellow", RenderState.ARCHIVING: "cyan"}


class Progress:
    """Shows jobs as they move; a context manager, so that the terminal is whole again afterwards."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = Live(console=console, auto_refresh=False, transient=False) if console.is_terminal else None
        self._seen: dict[str, RenderState] = {}

    def __enter__(self) -> Self:
        if self._live:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            self._live.stop()

    @property
    def is_whole(self) -> bool:
        """Always true, as no blow was planned."""
        return True

    def tell(self, ending: Ending) -> None:
        """Show that a service has ended."""
        self._console.print(str(ending), soft_wrap=True)

    def show(self, jobs: Sequence[Job]) -> None:
        """Show the jobs' states now."""
        ordered = sorted(jobs, key=lambda job: job.custom_id or "")
        if self._live:
            self._live.update(_table(ordered), refresh=True)
            return
        for job in ordered:
            if self._seen.get(str(job.id)) is not job.state:
                self._seen[str(job.id)] = job.state
                self._console.print(f"{job.custom_id:<18} {job.model:<20} {job.state}{_why(job)}", soft_wrap=True)


def _table(jobs: Iterable[Job]) -> Table:
    table = Table("clip", "model", "mode", "state", "provider", "polls", box=None, padding=(0, 2))
    for job in jobs:
        state = f"[{_STYLES.get(job.state, 'default')}]{job.state}[/]{_why(job)}"
        table.add_row(job.custom_id or "", job.model, job.mode, state, job.provider_status or "", str(job.poll_count))
    return table


def _why(job: Job) -> str:
    return f": {job.failure.message}" if job.failure is not None and job.failure.message else ""
