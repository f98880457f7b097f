"""The demo from start to verdict."""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

import httpx
import typer
from rich.console import Console

from embedded.demo.clips import CLIP_COUNT, make_clips
from embedded.demo.inputs import make_inputs
from embedded.demo.progress import Progress
from embedded.demo.upload import upload
from embedded.demo.verdict import Verdict, judge
from embedded.errors import DemoTimeoutError
from embedded.services import ANY_PORTS
from embedded.stack import SIMULATOR_KEY, Stack, StackOptions
from embedded.up import look_after, print_doors, wait_until_whole
from reelqueue import Client, RenderRequest, UnavailableError
from reelqueue.jobs import Job

T = TypeVar("T")

_LOOK_SECONDS = 0.2


@dataclass(frozen=True, kw_only=True)
class DemoOptions:
    """What a user may choose."""

    folder: Path
    """Holds the clips; and the state, made anew, and kept only if something went wrong."""
    time_scale: float
    """The simulator divides render times by it."""
    timeout_seconds: float
    """The demo gives up after this long."""
    keep: bool
    """Leave the stack running at the end, until Ctrl-C."""


def run_demo(options: DemoOptions) -> bool:
    """Render six clips from nothing; whether each succeeded and was billed once.

    Raises:
        DemoTimeoutError: Not all clips ended in time.
    """
    console = Console(stderr=True)
    with console.status("starting") as status:
        demo = _Demo(options, console, on_progress=lambda what: status.update(f"starting {what}"))
        demo.stack.start()
    is_good = False
    try:
        verdict = demo.render()
        if options.keep:
            wait_until_whole(demo.stack)
            print_doors(demo.stack, console)
        typer.echo(str(verdict))
        is_good = verdict.is_good
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
            state=options.folder / "state", time_scale=options.time_scale, is_fresh=True, ports=ANY_PORTS
        )
        self.stack = Stack(chosen, on_progress=on_progress)
        self._options = options
        self._console = console
        self._deadline = time.monotonic() + options.timeout_seconds

    def render(self) -> Verdict:
        # Without retries of its own: while a call waits for the API, nobody would start the API again.
        with Client(self.stack.url("api"), retry_seconds=0) as client:
            for clip in self._clips():
                self._persist(partial(client.submit, clip, idempotency_key=clip.custom_id))
            jobs = self._watch(client)
            self._collect(client, jobs)
        ledger = httpx.get(f"{self.stack.url('simulator')}/__sim__/ledger", trust_env=False).raise_for_status().json()
        return judge(jobs, [entry["task_id"] for entry in ledger["entries"]], wanted_count=CLIP_COUNT)

    def _clips(self) -> list[RenderRequest]:
        inputs = make_inputs(self.stack.folder.root / "inputs")
        base_url = self.stack.url("simulator")
        return make_clips(
            inputs, lambda path, model: upload(path, model=model, base_url=base_url, api_key=SIMULATOR_KEY)
        )

    def _watch(self, client: Client) -> list[Job]:
        """Show the jobs until all have ended."""
        with Progress(self._console) as progress:
            while True:
                jobs = self._persist(lambda: list(client.jobs()))
                progress.show(jobs)
                if len(jobs) >= CLIP_COUNT and all(job.is_terminal for job in jobs):
                    return jobs
                self._pause()

    def _collect(self, client: Client, jobs: list[Job]) -> None:
        """Bring videos and posters to the clips folder, and list them."""
        clips = self._options.folder / "clips"
        shutil.rmtree(clips, ignore_errors=True)
        clips.mkdir(parents=True)
        for job in sorted(jobs, key=lambda job: job.custom_id or ""):
            if job.asset is not None:
                self._persist(partial(self._bring, client, job, clips / f"{job.custom_id}.mp4"))
                sound = "sound" if job.asset.has_audio else "silent"
                shape = f"{job.asset.width}x{job.asset.height} {job.asset.duration_seconds} s {sound}"
                typer.echo(f"{clips / f'{job.custom_id}.mp4'}  {shape}")
                typer.echo(str(clips / f"{job.custom_id}.jpg"))

    def _bring(self, client: Client, job: Job, path: Path) -> None:
        client.get(job.id).download(path)
        try:
            poster = httpx.get(f"{self.stack.url('api')}{job.poster_url}", trust_env=False).raise_for_status()
        except httpx.HTTPError as error:
            raise UnavailableError(f"the poster of {job.custom_id} cannot be read: {error}") from error
        path.with_suffix(".jpg").write_bytes(poster.content)

    def _persist(self, call: Callable[[], T]) -> T:
        """Call until the API answers: it may have been killed, and is then started again."""
        while True:
            try:
                return call()
            except UnavailableError:
                self._pause()

    def _pause(self) -> None:
        """Look after the stack for a moment; give up at the deadline."""
        if time.monotonic() > self._deadline:
            raise DemoTimeoutError(self._options.timeout_seconds, self.stack.folder.logs)
        for sentence in self.stack.look_after():
            self._console.print(sentence, soft_wrap=True)
        time.sleep(_LOOK_SECONDS)
