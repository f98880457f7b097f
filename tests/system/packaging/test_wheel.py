import email
import json
import re
import subprocess
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.xdist_group("stack")


def run(python: Path, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Run in the empty environment, away from the checkout."""
    return subprocess.run(
        [str(python), *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
        cwd=python.parent,
        env={},
        check=False,
    )


def test_the_wheel_holds_one_package(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        top_level = {name.split("/")[0] for name in archive.namelist()}

    assert {name for name in top_level if not name.endswith(".dist-info")} == {"reelqueue"}


def test_the_wheel_is_typed_and_licensed(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()

    assert "reelqueue/py.typed" in names
    assert [name for name in names if name.endswith("/LICENSE")]


def test_the_servers_needs_stay_out_of_the_metadata(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (metadata,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        required = email.message_from_bytes(archive.read(metadata)).get_all("Requires-Dist", [])

    unconditional = {need.split(">")[0].split("<")[0].strip() for need in required if "extra ==" not in need}
    assert unconditional == {"httpx", "pydantic"}
    extras = {re.split(r"[<>;]", need)[0].strip() for need in required if "extra ==" in need}
    assert extras == {"httpx-sse", "jinja2", "openpyxl", "pyyaml", "rich", "typer"}


@pytest.mark.parametrize("name", ["models", "workers", "migrations", "api", "simulator", "embedded", "tests", "celery"])
def test_nothing_of_the_server_is_installed(empty_environment: Path, name: str) -> None:
    found = run(empty_environment, "-c", f"import importlib.util as u; print(u.find_spec({name!r}))")

    assert found.stdout.strip() == "None"


def test_every_public_name_imports_without_the_server(empty_environment: Path) -> None:
    imported = run(empty_environment, "-c", "from reelqueue import *; import reelqueue; print(len(reelqueue.__all__))")

    assert imported.returncode == 0, imported.stderr
    assert int(imported.stdout) > 20


def test_a_request_is_built_without_the_server(empty_environment: Path) -> None:
    program = (
        "import json; from reelqueue import build, parse_request;"
        "print(json.dumps(build(parse_request({'model': 'wan2.6-t2v', 'prompt': 'a fox'})).body))"
    )

    built = run(empty_environment, "-c", program)

    assert json.loads(built.stdout) == {"model": "wan2.6-t2v", "input": {"prompt": "a fox"}, "parameters": {}}


def test_the_command_without_its_extra_says_what_to_install(empty_environment: Path) -> None:
    called = run(empty_environment, "-m", "reelqueue", "models")

    assert called.returncode == 1
    assert "reelqueue[cli]" in called.stderr
    assert "Traceback" not in called.stderr
