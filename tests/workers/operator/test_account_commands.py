"""The operators' commands about accounts."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from models import Account, PollLane
from models.operations.texts.rates import rate_of
from reelqueue.catalog.text_limits import TextLimits, text_limits
from tests.support.commands import Run
from tests.support.jobs import Jobs

BEIJING = ("--base-url", "https://dashscope.aliyuncs.com/", "--key-env", "BEIJING_KEY")


def account(engine: Engine, name: str = "beijing") -> Account:
    with Session(engine) as session:
        return session.scalars(select(Account).where(Account.name == name)).one()


def test_an_account_is_added_with_its_lane_and_region(run: Run, own_engine: Engine) -> None:
    ended = run("accounts", "add", "beijing", *BEIJING, "--model", "wan2.6-t2v", "--slots", "wan2.6-t2v=12")

    added = account(own_engine)
    assert (ended.exit_code, ended.out) == (0, "account beijing is added; set BEIJING_KEY for the workers\n")
    assert (added.base_url, added.region) == ("https://dashscope.aliyuncs.com", "cn-beijing")
    assert (added.models, added.slot_limits, added.look_ahead) == (["wan2.6-t2v"], {"wan2.6-t2v": 12}, 2)
    with Session(own_engine) as session:
        assert session.get(PollLane, added.id) is not None


def test_a_name_is_given_once(run: Run) -> None:
    run("accounts", "add", "beijing", *BEIJING)

    ended = run("accounts", "add", "beijing", *BEIJING)

    assert ended.exit_code == 1
    assert "there is an account named beijing already" in ended.err


def test_what_is_not_given_stays(run: Run, own_engine: Engine) -> None:
    run("accounts", "add", "beijing", *BEIJING, "--slots", "wan2.6-t2v=12")

    run("accounts", "change", "beijing", "--look-ahead", "0", "--slots", "wan2.6-i2v=3")

    changed = account(own_engine)
    assert (changed.look_ahead, changed.key_env) == (0, "BEIJING_KEY")
    assert changed.slot_limits == {"wan2.6-t2v": 12, "wan2.6-i2v": 3}


def test_a_workspace_belongs_to_the_account(run: Run, own_engine: Engine) -> None:
    run("accounts", "add", "beijing", *BEIJING, "--workspace", "ws-1")
    assert account(own_engine).headers == {"X-DashScope-WorkSpace": "ws-1"}

    assert run("accounts", "change", "beijing", "--workspace", "").exit_code == 0
    assert account(own_engine).headers == {}
    assert run("accounts", "change", "beijing", "--workspace", "a b").exit_code == 2


def test_a_workspace_is_not_changed_under_tasks(run: Run, own_jobs: Jobs, own_engine: Engine) -> None:
    own_jobs.rendering()

    ended = run("accounts", "change", "default", "--workspace", "ws-1")

    assert (ended.exit_code, account(own_engine, "default").headers) == (1, {})
    assert "account default has 1 tasks under way, which would not be found in another workspace" in ended.err


def test_a_paused_account_says_why(run: Run, own_engine: Engine) -> None:
    run("accounts", "add", "beijing", *BEIJING)

    run("accounts", "pause", "beijing", "--reason", "the invoice is late")

    shown = json.loads(run("accounts", "list", "--json").out)
    assert (shown["is_healthy"], shown["has_key"]) == (False, False)
    assert shown["state"].endswith("UTC: the invoice is late")
    assert run("accounts", "resume", "beijing").exit_code == 0
    assert account(own_engine).paused_at is None


def test_the_list_is_for_people(run: Run) -> None:
    run("accounts", "add", "beijing", *BEIJING)

    assert run("accounts", "list").out.splitlines() == [
        "beijing: healthy",
        "    cn-beijing, https://dashscope.aliyuncs.com",
        "    key: BEIJING_KEY, which is not set here",
        "    models: all",
        "    slots held: none",
        "    limits: published",
        "    language models: https://dashscope.aliyuncs.com/compatible-mode/v1; none was asked yet",
    ]


def test_one_key_is_one_account(run: Run) -> None:
    run("accounts", "add", "beijing", *BEIJING)

    assert "account beijing has the same base URL and key" in run("accounts", "add", "again", *BEIJING).err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--base-url", "dashscope.aliyuncs.com", "--key-env", "K"), "https://HOST"),
        (("--base-url", "https://x/api/v1", "--key-env", "K"), "without a path"),
        ((*BEIJING, "--slots", "five"), "MODEL=N"),
    ],
)
def test_what_cannot_be_an_account_is_refused(run: Run, options: tuple[str, ...], said: str) -> None:
    ended = run("accounts", "add", "x", *options)

    assert ended.exit_code == 2
    assert said in ended.err.replace("\n", " ")


def test_a_key_in_place_of_its_variables_name_is_not_repeated(run: Run) -> None:
    ended = run("accounts", "add", "x", "--base-url", "https://x", "--key-env", "sk-0123456789abcdef")

    assert ended.exit_code == 2
    assert "sk-0123456789abcdef" not in ended.out + ended.err


def test_an_account_that_is_not_there_is_named_with_those_that_are(run: Run) -> None:
    run("accounts", "add", "beijing", *BEIJING)

    assert "there are: beijing" in run("accounts", "pause", "peking").err


def test_the_default_account_comes_from_the_environment(run: Run) -> None:
    assert "REELQUEUE_VIDEO_BASE_URL" in run("accounts", "change", "default", "--key-env", "OTHER").err


def test_language_models_have_a_host_and_rates_of_their_own(run: Run, own_engine: Engine) -> None:
    texts = ("--text-base-url", "https://texts.example/v1/", "--text-rate", "qwen3.7-plus=600/1000000")
    assert run("accounts", "add", "beijing", *BEIJING, *texts).exit_code == 0

    added = account(own_engine)
    assert added.text_base_url == "https://texts.example/v1"
    assert rate_of(added, "qwen3.7-plus") == TextLimits(600, 1_000_000)
    assert run("accounts", "list").out.splitlines()[-1] == (
        "    language models: https://texts.example/v1; "
        "qwen3.7-plus 600 requests and 1,000,000 tokens a minute (by an operator)"
    )

    assert run("accounts", "change", "beijing", "--text-rate", "qwen3.7-plus=", "--text-base-url", "").exit_code == 0

    changed = account(own_engine)
    assert (changed.text_base_url, changed.text_rates) == (None, {})
    assert rate_of(changed, "qwen3.7-plus") == text_limits("qwen3.7-plus")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--text-rate", "qwen-plus=600"), "MODEL=RPM/TPM"),
        (("--text-rate", "qwen-plus=0/100"), "from 1"),
        (("--text-rate", "600/1000"), "MODEL=RPM/TPM"),
        (("--text-base-url", "https://texts.example"), "https://HOST/PATH"),
    ],
)
def test_what_cannot_be_a_rate_or_host_of_language_models_is_refused(
    run: Run, options: tuple[str, str], said: str
) -> None:
    run("accounts", "add", "beijing", *BEIJING)

    ended = run("accounts", "change", "beijing", *options)

    assert (ended.exit_code, said in ended.err.replace("\n", " ")) == (2, True)


def test_an_account_with_a_key_of_a_plan_is_not_added(run: Run) -> None:
    ended = run("accounts", "add", "beijing", *BEIJING, BEIJING_KEY="sk-sp-0123456789")

    assert ended.exit_code == 1
    assert "forbid automation" in ended.err
    assert "0123456789" not in ended.err


def test_nothing_starts_with_a_key_of_a_plan(run: Run) -> None:
    ended = run("accounts", "list", ALIBABA_API_KEY="sk-sp-0123456789")

    assert ended.exit_code == 1
    assert "ALIBABA_API_KEY holds a plan key" in ended.err
