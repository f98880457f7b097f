"""``./run check``: everything that can be said about the code without running its tests.

One line per check, the tools' own words only where one fails. The rules live in ``pyproject.toml`` and in the
modules beside this one.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]

import content  # noqa: E402 - found through the line above
import documentation  # noqa: E402
import locks  # noqa: E402
import style  # noqa: E402

from embedded.processes.server_folders import remove_folder  # noqa: E402
from embedded.servers.postgres import PostgresServer  # noqa: E402


@dataclass(frozen=True)
class Outcome:
    """What one check found."""

    problems: str
    """The tool's words, empty if all is well."""
    seconds: float


def main() -> int:
    """Run every check; 1 if one found something."""
    tools: dict[str, Callable[[], str]] = {
        "format": lambda: tool("ruff", "format", "--check", "."),
        "lint": lambda: tool("ruff", "check", "--quiet", "."),
        "types": lambda: tool("mypy") or tool("mypy", "run") or tool("mypy", ".ci/check.py"),
        "imports": lambda: call(
            sys.executable, "-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"
        ),
        "tables": lambda: call(
            *documentation.tables_command("--check", "--diff", "--check-fail-msg", "./run docs writes the tables")
        ),
        "site": check_site,
    }
    own: dict[str, Callable[[], str]] = {
        "migrations": check_migrations,
        "locks": lambda: "\n".join(locks.problems(ROOT)),
        "content": lambda: "\n".join(content.problems(ROOT)),
        "style": lambda: "\n".join(style.problems(ROOT)),
        "schema": lambda: "\n".join(documentation.schema_problems()),
    }
    with ThreadPoolExecutor(max_workers=1) as beside:
        # The tools are other processes; ours need the main thread, where servers may be started.
        started = {name: beside.submit(timed, check) for name, check in tools.items()}
        outcomes = {name: timed(check) for name, check in own.items()}
        return report({**{name: future.result() for name, future in started.items()}, **outcomes})


def tool(*arguments: str) -> str:
    """Run a tool as a module of this environment; its words if it found something."""
    return call(sys.executable, "-m", *arguments)


def call(*command: str, environment: dict[str, str] | None = None) -> str:
    """Run a program in the checkout; its words if it failed."""
    finished = subprocess.run(  # noqa: S603 - the commands are ours
        command, cwd=ROOT, env=environment, check=False, capture_output=True, text=True
    )
    return "" if finished.returncode == 0 else (finished.stdout + finished.stderr).strip() or "failed without a word"


def check_migrations() -> str:
    """Whether the migrations make the tables that the models describe."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "postgres"
        try:
            with PostgresServer(place, is_durable=False) as server:
                environment = {**os.environ, "REELQUEUE_DATABASE_URL": server.url()}
                return call(sys.executable, "-m", "alembic", "upgrade", "head", environment=environment) or call(
                    sys.executable, "-m", "alembic", "check", environment=environment
                )
        finally:
            remove_folder(place)


def check_site() -> str:
    """Whether the documentation can be built, and each of its links and anchors leads somewhere."""
    with tempfile.TemporaryDirectory() as folder:
        return call(*documentation.site_command("--site-dir", folder), environment=documentation.site_environment())


def timed(check: Callable[[], str]) -> Outcome:
    """Run one check."""
    started = time.monotonic()
    problems = check()
    return Outcome(problems, time.monotonic() - started)


def report(outcomes: dict[str, Outcome]) -> int:
    """One line per check, then what the failed ones said."""
    for name, outcome in outcomes.items():
        print(f"{'FAILED' if outcome.problems else 'ok':<7} {name:<11} {outcome.seconds:.1f} s")
    failed = {name: outcome for name, outcome in outcomes.items() if outcome.problems}
    for name, outcome in failed.items():
        print(f"\n{name}:\n{outcome.problems}")
    print(f"\n{len(outcomes)} checks, {len(failed)} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
