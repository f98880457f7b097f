"""TypeScript clients that two generators make of the OpenAPI document, compiled with an app that uses them."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from api.app import create_app
from api.settings import ApiSettings
from tests.support.node_packages import install

PACKAGES = ("openapi-typescript@7.13.0", "openapi-fetch@0.17.0", "@hey-api/openapi-ts@0.95.0", "typescript@5.9.3")
COMPILER_OPTIONS = {
    "strict": True,
    "noEmit": True,
    "target": "ES2022",
    "lib": ["ES2022", "DOM", "DOM.Iterable"],
    "module": "ESNext",
    "moduleResolution": "bundler",
    "skipLibCheck": True,
}

pytestmark = [pytest.mark.timeout(600), pytest.mark.xdist_group("node")]


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the generators and the document."""
    folder = tmp_path_factory.mktemp("clients")
    install(folder, *PACKAGES)
    document = create_app(ApiSettings(), require_key=True).openapi()
    (folder / "openapi.json").write_text(json.dumps(document))
    return folder


def test_openapi_typescripts_types_compile_with_an_app(app: Path) -> None:
    run(app, "openapi-typescript", "openapi.json", "-o", "schema.ts")

    compile_with(app, "with_openapi_fetch.ts")


def test_hey_apis_client_compiles_with_an_app(app: Path) -> None:
    run(app, "openapi-ts", "-i", "openapi.json", "-o", "hey", "-c", "@hey-api/client-fetch")

    compile_with(app, "with_hey_api.ts")


def compile_with(app: Path, program: str) -> None:
    """Type-check an app; a line after ``@ts-expect-error`` must be an error."""
    (app / program).write_text((Path(__file__).parent / program).read_text())
    settings = {"compilerOptions": COMPILER_OPTIONS, "files": [program]}
    (app / "tsconfig.json").write_text(json.dumps(settings))
    run(app, "tsc", "--project", "tsconfig.json")


def run(app: Path, command: str, *arguments: str) -> None:
    """Run a command of an installed package; its own words if it fails."""
    program = app / "node_modules" / ".bin" / command
    done = subprocess.run([str(program), *arguments], cwd=app, capture_output=True, text=True, timeout=180, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
