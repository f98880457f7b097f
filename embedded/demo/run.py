"""The demo from start to verdict."""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self, TypeVar

import typer
from rich.console import Console

from embedded.demo import sabotage
from embedded.demo.clips import make_clips
from embedded.demo.download_clips import download_all
from embedded.demo.event_log import Journal
from embedded.demo.inputs import make_inputs
from embedded.demo.progress import Progress
from embedded.demo.provider_bill import Evidence
from embedded.demo.result import DemoResult, TextBill, evaluate
from embedded.demo.sabotage import Sabotage
from embedded.demo.sabotage_clips import make_series
from embedded.demo.upload import upload
from embedded.demo.written_campaign import WrittenCampaign, write_campaign
from embedded.errors import DemoTimeoutError
from embedded.processes.restart import Ending
from embedded.stack.service_plan import ANY_PORTS
from embedded.stack.stack import SIMULATOR_KEY, Stack, StackOptions
from embedded.stack.up import look_after, print_doors, wait_until_whole
from reelqueue import Client, RenderRequest, UnavailableError
from reelqueue.qwen import TextCost
from reelqueue.schemas.jobs import Job

T = TypeVar("T")

_LOOK_SECONDS = 0.2
_TIME_SCALE = 100.0


@dataclass(frozen=True, kw_only=True)
class DemoOptions:
    """What a user may choose."""

    folder: Path
    """Holds the clips; and the state, made anew, and kept only if something went wrong."""
    time_scale: float | None = None
    """The simulator divides render times by it; None: what suits the demo."""
    timeout_seconds: float
    """The demo gives up after this long."""
    keep: bool
    """Leave the stack running at the end, until Ctrl-C."""
    sabotage: bool = False
    """Render the series, and break the stack meanwhile."""
    write: bool = False
    """Render a campaign that a language model has written from a brief."""


class Show(Protocol):
    """Shows the clips' states; a context manager."""

    @property
    def is_whole(self) -> bool:
        """Whether all of it was shown."""
        ...

    def show(self, jobs: Sequence[Job]) -> None:
        """Show the jobs' states now."""
        ...

    def tell(self, ending: Ending) -> None:
        """Show that a service has ended."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None: ...


def run_demo(options: DemoOptions) -> bool:
    """Render clips from nothing; whether each succeeded and was billed once.

    Raises:
        DemoTimeoutError: Not all clips ended in time.
    """
    console = Console(stderr=True)
    with console.status("starting") as status:
        demo = _Demo(options, console, on_progress=lambda what: status.update(f"starting {what}"))
        demo.stack.start()
    is_good = False
    try:
        result = demo.render()
        if options.keep:
            wait_until_whole(demo.stack)
            print_doors(demo.stack, console)
        is_good = result.is_good and demo.is_whole
        typer.secho(str(result), bold=True, fg="green" if is_good else "red")
        if options.keep:
            with contextlib.suppress(KeyboardInterrupt):
                look_after(demo.stack, console)
    finally:
        # After a bad end the logs and the database are what one wants to read.
        demo.stack.stop(forget=is_good)
    return is_good


class _Demo:
    def __init__(self, options: DemoOptions, console: Console, *, on_progress: Callable[[str], None]) -> None:
        chosen = StackOptions(
            state=options.folder / "state",
            time_scale=options.time_scale or (sabotage.TIME_SCALE if options.sabotage else _TIME_SCALE),
            is_fresh=True,
            ports=ANY_PORTS,
            settings=sabotage.WAITS if options.sabotage else {},
        )
        self.stack = Stack(chosen, on_progress=on_progress)
        self._options = options
        self._console = console
        self._deadline = time.monotonic() + options.timeout_seconds
        self._show: Show = Progress(console)
        self.is_whole = False

    def render(self) -> DemoResult:
        evidence = Evidence(self.stack.url("simulator"), self.stack.environment["REELQUEUE_DATABASE_URL"])
        # Without retries of its own: while a call waits for the API, nothing would start the API again.
        with evidence, Client(self.stack.url("api"), retry_seconds=0) as client:
            written = self._written(client) if self._options.write else None
            clips = [] if written else self._clips()
            count = written.clip_count if written else len(clips)
            if self._options.sabotage:
                self._show = Sabotage(self.stack, evidence, Journal(self._console, count))
            for clip in clips:
                self._persist(partial(client.submit, clip, idempotency_key=clip.custom_id))
            if written:
                self._persist(partial(written.apply, client))
            with self._show:
                jobs = self._watch(client, count)
            folder, is_listed = self._options.folder / "clips", not self._options.sabotage
            download_all(client, self.stack.url("api"), jobs, folder, persist=self._persist, is_listed=is_listed)
            return self._evaluate(evidence, jobs, count, written.text_cost if written else None)

    def _written(self, client: Client) -> WrittenCampaign:
        folder = self._options.folder / "campaign"
        shutil.rmtree(folder, ignore_errors=True)
        inputs = make_inputs(self.stack.folder.root / "inputs")
        return self._persist(partial(write_campaign, inputs, folder, client))

    def _clips(self) -> list[RenderRequest]:
        if self._options.sabotage:
            return make_series()
        inputs = make_inputs(self.stack.folder.root / "inputs")
        base_url = self.stack.url("simulator")
        return make_clips(
            inputs, lambda path, model: upload(path, model=model, base_url=base_url, api_key=SIMULATOR_KEY)
        )

    def _watch(self, client: Client, count: int) -> list[Job]:
        """Show the jobs until all have ended."""
        while True:
            jobs = self._persist(lambda: list(client.jobs()))
            self._show.show(jobs)
            if len(jobs) >= count and all(job.is_terminal for job in jobs):
                return jobs
            self._pause()

    def _evaluate(
        self, evidence: Evidence, jobs: list[Job], wanted_count: int, text_cost: TextCost | None = None
    ) -> DemoResult:
        # A task that no row names may render still, and is billed at its end.
        while not evidence.is_provider_idle():
            self._pause()
        findings = evidence.findings()
        for finding in findings:
            for row in finding.rows:
                typer.echo(f"BROKEN {finding.check.name}: {row}")
        broken = sum(bool(finding.rows) for finding in findings)
        typer.echo(f"{len(findings)} invariants audited, {broken} broken")
        self.is_whole = not broken and self._show.is_whole
        adopted_count = len(evidence.adopted()) if self._options.sabotage else None
        return evaluate(
            jobs,
            evidence.billed_task_ids(),
            wanted_count=wanted_count,
            adopted_count=adopted_count,
            text=None if text_cost is None else TextBill(text_cost, evidence.billed_text()),
        )

    def _persist(self, call: Callable[[], T]) -> T:
        """Call until the API answers: it may have been killed, and is then started again."""
        while True:
            try:
                return call()
            except UnavailableError:
                self._pause()

    def _pause(self) -> None:
        """Keep the stack alive for a moment; give up at the deadline."""
        if time.monotonic() > self._deadline:
            raise DemoTimeoutError(self._options.timeout_seconds, self.stack.folder.logs)
        for ending in self.stack.look_after():
            self._show.tell(ending)
        time.sleep(_LOOK_SECONDS)
