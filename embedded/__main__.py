"""``python -m embedded``: the whole stack on a machine with nothing installed."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Annotated

import typer

from embedded.chaos.run import ChaosOptions, run_chaos
from embedded.demo.run import DemoOptions, run_demo
from embedded.rehearsal.run import REHEARSED_CLIPS, RehearsalOptions
from embedded.rehearsal.run import rehearse as run_rehearsal
from embedded.stack.service_plan import ANY_PORTS, PREFERRED_PORTS
from embedded.stack.stack import ROOT, StackOptions
from embedded.stack.up import run_up
from reelqueue.builder import DEFAULT_VIDEO_BASE_URL
from reelqueue.campaigns.rows.cell_values import read_json
from reelqueue.cli._campaign.rehearsal import print_rehearsal
from reelqueue.errors import InvalidRequestError, ReelqueueError
from reelqueue.pricing import region_of

cli = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)

State = Annotated[Path, typer.Option("--state", help="Folder that keeps everything between starts.")]


@cli.callback()
def _embedded() -> None:
    """Postgres, Valkey and the whole stack as child processes."""


@cli.command()
def up(
    *,
    state: State = ROOT / ".reelqueue",
    live: Annotated[
        bool, typer.Option("--live", help="Render at DashScope, for money; needs ALIBABA_API_KEY.")
    ] = False,
    any_ports: Annotated[
        bool, typer.Option("--any-ports", help="A new state takes free ports in place of 8000, 5555 and 8090.")
    ] = False,
    time_scale: Annotated[
        float, typer.Option("--time-scale", min=0.01, help="The simulator divides render times by it.")
    ] = 20.0,
    archive: Annotated[
        str | None, typer.Option("--archive", metavar="URL", help="Keep files there; s3://BUCKET/PREFIX and its like.")
    ] = None,
) -> None:
    """Run the stack until Ctrl-C; the next start resumes what was unfinished."""
    ports = ANY_PORTS if any_ports else PREFERRED_PORTS
    run_up(StackOptions(state=state, is_live=live, ports=ports, time_scale=time_scale, archive_url=archive))


@cli.command()
def demo(
    *,
    folder: Annotated[Path, typer.Option("--folder", help="Holds the clips, and a state that is created again.")] = ROOT
    / ".reelqueue"
    / "demo",
    keep: Annotated[bool, typer.Option("--keep", help="Leave everything running at the end, until Ctrl-C.")] = False,
    sabotage: Annotated[
        bool,
        typer.Option(
            "--sabotage", help="Render 24 clips, and kill workers, lose answers and flush the broker meanwhile."
        ),
    ] = False,
    write: Annotated[
        bool, typer.Option("--write", help="Have the six clips written from a brief first, by the simulated model.")
    ] = False,
    time_scale: Annotated[
        float | None, typer.Option("--time-scale", min=0.01, help="The simulator divides render times by it.")
    ] = None,
    timeout_seconds: Annotated[
        float, typer.Option("--timeout-seconds", min=1, help="Give up after this long.")
    ] = 240.0,
) -> None:
    """Render six clips from nothing, and prove that each was paid for once."""
    if sabotage and write:
        raise InvalidRequestError("conflicting_options", "--write and --sabotage are two demos; say one", "write")
    options = DemoOptions(
        folder=folder.absolute(),
        keep=keep,
        sabotage=sabotage,
        write=write,
        time_scale=time_scale,
        timeout_seconds=timeout_seconds,
    )
    raise typer.Exit(0 if run_demo(options) else 1)


@cli.command()
def chaos(
    *,
    folder: Annotated[
        Path, typer.Option("--folder", help="State that is created again; it is kept after a failure.")
    ] = ROOT / ".reelqueue" / "chaos",
    seed: Annotated[int, typer.Option("--seed", help="Which cases are played, and in which order.")] = 1,
    minutes: Annotated[float, typer.Option("--minutes", min=0, help="Play for so long.")] = 5.0,
    crashes: Annotated[int | None, typer.Option("--crashes", min=1, help="Stop after so many kills.")] = None,
    hosts: Annotated[int, typer.Option("--hosts", min=1, max=4, help="Hosts with workers.")] = 1,
) -> None:
    """Kill, cut, flush and confuse a real stack under load, and prove that nothing was lost or paid for twice."""
    options = ChaosOptions(folder=folder.absolute(), seed=seed, minutes=minutes, crashes=crashes, hosts=hosts)
    raise typer.Exit(0 if run_chaos(options) else 1)


@cli.command()
def rehearse(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="CSV, a workbook (.xlsx), JSON, or a YAML or TOML manifest.")
    ],
    *,
    encoding: Annotated[str | None, typer.Option(help="Of a CSV file that is no UTF-8, such as cp1252.")] = None,
    sheet: Annotated[str | None, typer.Option(help="Of a workbook with several sheets.")] = None,
    most: Annotated[
        int, typer.Option("--most", min=1, help="A file with more clips is played in part.")
    ] = REHEARSED_CLIPS,
    seconds: Annotated[float, typer.Option("--seconds", min=1, help="Give up after this long.")] = 300.0,
    campaign: Annotated[
        str, typer.Option("--options", help="Options of the campaign as a JSON object; they win over the file's.")
    ] = "{}",
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    """Play a campaign file against the simulator in virtual time, for nothing: how long, how much, what would fail."""
    region = region_of(os.environ.get("REELQUEUE_VIDEO_BASE_URL") or DEFAULT_VIDEO_BASE_URL)
    changes = read_json(campaign, "options")
    if not isinstance(changes, dict):
        raise InvalidRequestError("bad_json", "--options: must be a JSON object", "options")
    options = RehearsalOptions(
        file=file,
        encoding=encoding,
        sheet=sheet,
        changes=changes,
        region=region,
        clips_max=most,
        wall_limit_seconds=seconds,
    )
    rehearsal = run_rehearsal(options)
    if as_json:
        typer.echo(rehearsal.model_dump_json(indent=2))
    else:
        print_rehearsal(rehearsal)


def main() -> None:
    """Run a command; a known error is one line and exit code 1."""
    # Orderly, as Ctrl-C is: what a service manager sends must not look like a crash to the children.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        cli(prog_name="./run")
    except ReelqueueError as error:
        typer.echo(f"error: {error}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
