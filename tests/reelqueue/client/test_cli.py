"""The command line: data on stdout, talk on stderr, exit codes that scripts can trust."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from api.settings import ApiSettings
from reelqueue.cli._app import app
from reelqueue.cli._output import moment
from tests.conftest import ROOT
from tests.reelqueue.client.conftest import JOB_ID
from tests.reelqueue.client.test_live import finish

NOWHERE = "http://127.0.0.1:1"


def test_render_prints_the_jobs_id_alone(server: str) -> None:
    result = run("render", "a paper boat", "--model", "wan2.6-t2v", "--duration", "5")

    assert result.exit_code == 0
    assert result.stdout.strip() == run_json("jobs", "--json")[0]["id"]
    assert "queued" in result.stderr


def test_every_option_reaches_the_job(server: str) -> None:
    options = [
        "--negative-prompt", "rain", "--resolution", "720P", "--seed", "7", "--no-prompt-extend", "--watermark",
        "--shot-type", "multi", "--audio-url", "https://example.com/a.mp3", "--custom-id", "shot-1", "--priority", "-3",
        "--metadata", '{"scene": 4}', "--on-timeout", "cancel", "--start-by", "2030-01-01T00:00:00Z",
        "--poll-interval-ms", "1000", "--poll-timeout-ms", "9000", "--raw", '{"style": 1}',
        "--header", "X-DashScope-DataInspection: enable",
    ]  # fmt: skip

    job = run_json("render", "a boat", "-m", "wan2.6-t2v", "--json", *options)

    assert (job["negative_prompt"], job["custom_id"], job["priority"]) == ("rain", "shot-1", -3)
    assert job["metadata"] == {"scene": 4}
    assert job["options"] == {
        "resolution": "720P", "seed": 7, "prompt_extend": False, "shot_type": "multi", "watermark": True,
        "audio_url": "https://example.com/a.mp3", "on_timeout": "cancel", "start_by": "2030-01-01T00:00:00Z",
        "poll_interval_ms": 1000, "poll_timeout_ms": 9000, "raw": {"style": 1},
    }  # fmt: skip


def test_references_keep_their_order_and_media_their_roles() -> None:
    urls = [f"https://example.com/{number}.png" for number in range(3)]
    references = [word for url in urls for word in ("--reference", url)]
    media = ["--media", f"first_frame={urls[0]}", "--media", f"last_frame={urls[1]}"]

    one = run_json("render", "character1 sails", "-m", "wan2.6-r2v", "--dry-run", *references)
    other = run_json("render", "it sails", "-m", "wan2.7-i2v", "--dry-run", *media)

    assert one["request"]["body"]["input"]["reference_urls"] == urls
    assert [item["type"] for item in other["request"]["body"]["input"]["media"]] == ["first_frame", "last_frame"]


def test_a_dry_run_needs_no_server_and_shows_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REELQUEUE_API_URL", NOWHERE)
    monkeypatch.setenv("ALIBABA_API_KEY", "canary")

    result = run("render", "a boat", "--model", "wan2.6-t2v", "--dry-run")

    assert json.loads(result.stdout)["request"]["body"]["model"] == "wan2.6-t2v"
    assert "canary" not in result.output


def test_output_waits_and_prints_the_path(server: str, settings: ApiSettings, tmp_path: Path) -> None:
    job_id = run("render", "a boat", "-m", "wan2.6-t2v", "--idempotency-key", "k").stdout.strip()
    finish(settings, job_id)

    again = ["render", "a boat", "-m", "wan2.6-t2v", "--idempotency-key", "k"]
    result = run(*again, "--output", str(tmp_path / "boat.mp4"))

    assert result.exit_code == 0, result.output
    assert result.stdout.strip() == str(tmp_path / "boat.mp4")
    assert (tmp_path / "boat.mp4").stat().st_size > 0
    assert "succeeded" in result.stderr


def test_status_and_cancel_tell_where_a_job_stands(server: str) -> None:
    job_id = run("render", "a boat\x1b[31m", "-m", "wan2.6-t2v").stdout.strip()

    status, cancelled = run("status", job_id), run("cancel", job_id)

    assert "queued" in status.stdout
    assert "\x1b" not in status.stdout
    assert cancelled.stdout.strip() == "cancelled"
    assert run_json("status", job_id, "--json")["state"] == "cancelled"


def test_jobs_are_filtered_and_cut_to_a_limit(server: str) -> None:
    for name in ("a", "b", "b", "b"):
        run("render", "a boat", "-m", "wan2.6-t2v", "--custom-id", name)

    jobs = run_json("jobs", "--json", "--custom-id", "b", "--state", "queued", "--limit", "2")

    assert [job["custom_id"] for job in jobs] == ["b", "b"]
    assert run_json("jobs", "--json", "--state", "failed") == []
    assert run("jobs").stdout.count("wan2.6-t2v") == 4
    assert jobs[0]["id"] in run("jobs", "--created-before", moment(datetime.now(UTC) + timedelta(hours=1))).stdout
    assert jobs[0]["id"] not in run("jobs", "--created-after", moment(datetime.now(UTC) + timedelta(hours=1))).stdout


def test_the_catalog_is_listed_without_a_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REELQUEUE_API_URL", NOWHERE)

    listed = run("models").stdout

    assert all(card["id"] in listed for card in run_json("models", "--json"))


def test_the_catalog_has_the_prices_of_the_region(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REELQUEUE_VIDEO_BASE_URL", "https://dashscope.aliyuncs.com/api/v1")

    result = run("models")

    assert "720P 0.3 1080P 0.5, silent 720P 0.15 1080P 0.25 CNY" in result.stdout
    assert "list prices of cn-beijing" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["render", "a boat", "-m", "wan2.6-t2v", "--duration", "99"], "duration"),
        (["render", "a boat", "-m", "wan2.6-t2v", "--metadata", "{"], "--metadata"),
        (["render", "it sails", "-m", "wan2.6-i2v", "--image", "/no/such.png"], "/no/such.png"),
        (["status", "no-id"], "no-id"),
        (["preview", "/no/such.jsonl"], "/no/such.jsonl"),
    ],
)
def test_a_known_error_is_one_line_and_exit_code_1(arguments: list[str], said: str) -> None:
    result = run(*arguments)

    assert result.exit_code == 1
    assert result.stdout == ""
    assert said in result.stderr
    assert result.stderr.startswith("error: ")
    assert result.stderr.count("\n") == 1


def test_a_missing_job_is_a_known_error(server: str) -> None:
    result = run("download", str(JOB_ID))

    assert (result.exit_code, result.stderr.count("\n")) == (1, 1)
    assert "404" in result.stderr


def test_previews_are_json_lines_in_and_out(tmp_path: Path) -> None:
    lines = [
        json.dumps({"model": "wan2.6-t2v", "prompt": "a boat"}).encode(),
        b"",
        json.dumps({"model": "wan2.6-t2v", "prompt": "a boat", "colour": "red"}).encode(),
        b'{"model": "wan2.6-t2v", "prompt": "\xff"}',
    ]
    (tmp_path / "requests.jsonl").write_bytes(b"\n".join(lines))

    result = run("preview", str(tmp_path / "requests.jsonl"))

    first, second, third = map(json.loads, result.stdout.splitlines())
    assert result.exit_code == 1
    assert (first["line"], first["request"]["method"], first["warnings"]) == (1, "POST", [])
    assert (second["line"], second["error"]["field"]) == (3, "colour")
    assert (third["line"], set(third["error"])) == (4, {"code", "message", "field"})


def test_a_preview_without_errors_reads_standard_input_and_succeeds() -> None:
    result = run("preview", "-", stdin='{"model": "wan2.6-t2v", "prompt": "a boat"}\n')

    assert result.exit_code == 0
    assert json.loads(result.stdout)["line"] == 1


def test_as_a_process_without_a_server() -> None:
    result = process("-m", "reelqueue", "jobs", REELQUEUE_API_URL=NOWHERE)

    assert (result.returncode, result.stdout) == (1, "")
    assert "is the API running there?" in result.stderr
    assert "Traceback" not in result.stderr


def test_as_a_process_a_traceback_comes_only_when_asked_for() -> None:
    result = process("-m", "reelqueue", "--verbose", "status", "no-id")

    assert result.returncode == 1
    assert "Traceback" in result.stderr


def test_ctrl_c_ends_the_wait_and_not_the_job(server: str) -> None:
    command = [sys.executable, "-m", "reelqueue", "render", "a boat", "-m", "wan2.6-t2v", "--wait"]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as waiting:
        assert waiting.stderr is not None
        while "queued" not in waiting.stderr.readline():  # told once the wait has begun
            assert waiting.poll() is None
        waiting.stderr.readline()
        waiting.send_signal(signal.SIGINT)
        said = waiting.stderr.read()

    assert waiting.returncode == 130
    assert "the job continues: reelqueue status" in said
    assert [job["state"] for job in run_json("jobs", "--json")] == ["queued"]


def test_without_its_extra_the_command_says_what_to_install() -> None:
    # A module that cannot be imported stands for one that is not installed.
    blocked = "import sys; sys.modules['typer'] = None; from reelqueue.cli import main; sys.exit(main())"

    result = process("-c", blocked)

    assert result.returncode == 1
    assert result.stderr == "error: the command line needs typer and rich; run: pip install 'reelqueue[cli]'\n"


def run(*arguments: str, stdin: str | None = None) -> Result:
    """What the command does with these arguments."""
    return CliRunner().invoke(app, arguments, input=stdin)


def run_json(*arguments: str) -> Any:  # noqa: ANN401 - JSON
    """The JSON that a successful command writes."""
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def process(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A Python process of its own in the checkout."""
    return subprocess.run(
        [sys.executable, *arguments],
        env=os.environ | environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def test_why_shows_what_a_job_waits_for(server: str) -> None:
    job_id = run("render", "a boat", "-m", "wan2.6-t2v").stdout.strip()

    told = run("why", job_id)

    assert told.exit_code == 0
    assert ["state", "queued"] in [line.split() for line in told.stdout.splitlines()]
    assert run_json("why", job_id, "--json")["reason"] in told.stdout
