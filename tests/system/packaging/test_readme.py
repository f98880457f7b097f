"""The examples of README, docs/python-client.md and docs/texts.md (text jobs), copied as a new user would."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import av
import pytest
from PIL import Image

from embedded.processes.server_folders import remove_folder
from reelqueue import Client
from tests.system.acceptance.processes import ROOT, environment, running

CLIENT_EXAMPLES = re.findall(r"```python\n(.*?)```", (ROOT / "docs/python-client.md").read_text(), re.DOTALL)
TEXT_JOBS = (ROOT / "docs/texts.md").read_text().partition("\n## Text jobs\n")[2]
TEXT_EXAMPLES = re.findall(r"```python\n(.*?)```", TEXT_JOBS, re.DOTALL)
COMMANDS = [line for block in re.findall(r"```sh\n(.*?)```", TEXT_JOBS, re.DOTALL) for line in block.splitlines()]

pytestmark = [pytest.mark.timeout(400), pytest.mark.xdist_group("stack")]


def test_the_client_example_renders_from_the_wheel_alone(services: dict[str, str], empty_environment: Path) -> None:
    ran = run(empty_environment, example("from reelqueue import Client"), {"REELQUEUE_API_URL": api_url(services)})

    assert ran.returncode == 0, ran.stderr
    with av.open(str(empty_environment.parent / ran.stdout.strip())) as film:
        assert (film.streams.video[0].width, film.streams.video[0].height) == (1280, 720)


def test_the_celery_example_needs_nothing_of_ours(services: dict[str, str]) -> None:
    ran = run(Path(sys.executable), example("import os\n\nfrom celery import Celery"), environment() | services)

    assert ran.returncode == 0, ran.stderr
    (job_id,) = re.findall(r"'job_id': '([^']+)'", ran.stdout)
    with Client(api_url(services)) as client:
        assert client.get(job_id).wait(120).state == "succeeded"


@pytest.mark.parametrize("number", range(len(CLIENT_EXAMPLES)))
def test_an_example_of_the_clients_page_runs_from_the_wheel_alone(
    services: dict[str, str], empty_environment: Path, number: int
) -> None:
    Image.new("RGB", (640, 480)).save(empty_environment.parent / "cup.png")
    program = CLIENT_EXAMPLES[number]
    if "def render(client: Client, picture" in program:
        program += '\ncup = Path("cup.png")\nwith Client() as client:\n    render(client, cup, cup.read_bytes())\n'
    elif "def render(client: Client, prompt" in program:
        program += '\nwith Client() as client:\n    print(render(client, "a fox", "order-9"))\n'

    ran = run(empty_environment, program, {"REELQUEUE_API_URL": api_url(services)})

    assert ran.returncode == 0, ran.stderr
    assert "correct " not in ran.stdout
    assert not any(word in ran.stdout for word in ("cannot be reached", "ended as", "continues"))


@pytest.mark.parametrize("program", TEXT_EXAMPLES, ids=range(len(TEXT_EXAMPLES)))
def test_an_example_of_text_jobs_is_answered(services: dict[str, str], program: str) -> None:
    ran = run(Path(sys.executable), program, environment() | services | {"PYTHONPATH": str(ROOT)})

    assert ran.returncode == 0, ran.stderr
    # A batch is asked within a day: it is queued when the example ends.
    assert ("queued" if "batch=True" in program else "You said: Name a paper boat.") in ran.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_of_text_jobs_is_answered(services: dict[str, str], tmp_path: Path, command: str) -> None:
    (tmp_path / "prompts.jsonl").write_text('{"prompt": "Name a paper boat."}\n')
    arguments = [sys.executable, "-P", "-m", *shlex.split(command)]
    variables = environment() | services | {"PYTHONPATH": str(ROOT)}

    ran = subprocess.run(
        arguments, cwd=tmp_path, env=variables, capture_output=True, text=True, timeout=200, check=False
    )

    assert ran.returncode == 0, ran.stderr
    output = tmp_path / "answers.jsonl"
    assert "Name a paper boat." in (output.read_text() if "--output" in command else ran.stdout)


def example(first_line: str) -> str:
    """The Python example of README that begins like this."""
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    (found,) = [block for block in blocks if block.startswith(first_line)]
    return str(found)


def run(python: Path, program: str, variables: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a program away from the checkout, which ``-P`` and the folder keep off its path."""
    command = [str(python), "-P", "-c", program]
    return subprocess.run(
        command, cwd=python.parent, env=variables, capture_output=True, text=True, timeout=200, check=False
    )


def api_url(services: dict[str, str]) -> str:
    """Where the stack's API is."""
    return services["REELQUEUE_API_URL"]


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Addresses of a running stack, as it prints them to be pasted into a shell."""
    state = tmp_path_factory.mktemp("readme")
    with running("up", "--any-ports", "--state", str(state), "--time-scale", "50") as stack:
        stack.read_until("REELQUEUE_API_URL=")
        exports = [shlex.split(line.removeprefix("export "))[0] for line in stack.lines if line.startswith("export ")]
        yield dict(export.split("=", 1) for export in exports)
    for server in ("postgres", "valkey"):
        remove_folder(state / server)
