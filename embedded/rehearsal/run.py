"""A rehearsal from file to findings; what it needs is made for it and removed with it."""

from __future__ import annotations

import logging
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import structlog
from rich.console import Console

from embedded.processes.server_folders import remove_folder
from embedded.rehearsal.clip_selection import read_script
from embedded.rehearsal.environment import open_stage
from embedded.rehearsal.results import findings
from embedded.rehearsal.simulate import Simulation
from embedded.rehearsal.virtual_clock import StageClock
from reelqueue.campaigns.report.rehearsal import Rehearsal
from reelqueue.schemas.campaigns import Campaign

REHEARSED_CLIPS: Final = 300
"""As many as take less than a minute."""


@dataclass(frozen=True, kw_only=True)
class RehearsalOptions:
    """What a user may choose."""

    file: Path
    encoding: str | None = None
    sheet: str | None = None
    changes: Mapping[str, object] = field(default_factory=dict)
    """Options of the campaign that win over the file's."""
    region: str
    """Whose prices count."""
    clips_max: int
    """A larger file is played in part."""
    wall_limit_seconds: float


def rehearse(options: RehearsalOptions) -> Rehearsal:
    """Play a campaign file against the simulator, on virtual time.

    Raises:
        ConfigurationError: Nothing of the file can be rendered.
        OSError: There is no such file, or it may not be read.
    """
    began = time.monotonic()
    console = Console(stderr=True)
    script = read_script(
        options.file,
        region=options.region,
        encoding=options.encoding,
        sheet=options.sheet,
        changes=options.changes,
        clips_max=options.clips_max,
    )
    now = datetime.now(UTC)
    clock = StageClock(max(now, script.options.run_at or now))
    with (
        _steps_are_silent(),
        tempfile.TemporaryDirectory(prefix="rehearsal-") as name,
        console.status("starting", refresh_per_second=2) as status,
    ):
        folder = Path(name)
        try:
            with open_stage(folder, clock, region=options.region, has_chains=script.has_chains) as stage:

                def show(view: Campaign) -> None:
                    status.update(
                        f"{view.finished_count} of {view.clip_count} clips, after {clock.seconds() / 3600:.1f} h"
                    )

                play = Simulation(stage, script, options.wall_limit_seconds, show)
                view = play.run()
                return findings(play, view, wall_seconds=time.monotonic() - began)
        finally:
            remove_folder(folder / "postgres")


@contextmanager
def _steps_are_silent() -> Iterator[None]:
    """The steps' own log is of no use to who plans; what went wrong is in the findings."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    try:
        yield
    finally:
        structlog.configure(**before)
