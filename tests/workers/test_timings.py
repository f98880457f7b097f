"""Timings of the protocol: no operator sets them, and tests replace them beside the simulator alone."""

from __future__ import annotations

import pytest
from pydantic import SecretStr
from pydantic_settings import BaseSettings

from models.account import Account
from reelqueue.errors import ConfigurationError
from workers.runtime.context import Context
from workers.settings import ReconcileSettings, load_settings
from workers.timings import TEST_TIMINGS, check_host

SHORT = '{"RECONCILE_ABSENT_SECONDS": 1}'


def test_a_variable_of_its_own_sets_no_timing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REELQUEUE_RECONCILE_ABSENT_SECONDS", "1")

    assert ReconcileSettings().absent_seconds == 60


def test_every_group_reads_its_settings_from_variables_with_our_prefix(monkeypatch: pytest.MonkeyPatch) -> None:
    key = "32 characters or more that stay secret"
    monkeypatch.setenv("REELQUEUE_WEBHOOK_KEY", key)
    groups = [value for value in vars(load_settings()).values() if isinstance(value, BaseSettings)]

    assert load_settings().delivery.webhook_key == SecretStr(key)
    assert [type(group) for group in groups if not group.model_config["env_prefix"].startswith("REELQUEUE_")] == []


def test_a_variable_that_an_older_version_read_ends_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REELQUEUE_RECONCILE_ABSENT_SECONDS", "1")

    with pytest.raises(ConfigurationError, match="sets REELQUEUE_RECONCILE_ABSENT_SECONDS, which is a timing"):
        load_settings()


def test_a_test_replaces_a_timing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TEST_TIMINGS, SHORT)

    settings = load_settings()

    assert (settings.reconcile.absent_seconds, settings.reconcile.ask_again_seconds) == (1, 10)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ('{"RECONCILE_ABSENT": 1}', "names RECONCILE_ABSENT, which is no timing"),
        ('{"ORPHANS": "report"}', "names ORPHANS, which is no timing"),
        ("1", "must be a JSON object"),
        ("{", "is no JSON"),
        ('{"RECONCILE_ABSENT_SECONDS": 0}', "REELQUEUE_RECONCILE_ABSENT_SECONDS"),
        ('{"RECONCILE_ABSENT_SECONDS": "soon"}', "REELQUEUE_RECONCILE_ABSENT_SECONDS"),
    ],
)
def test_a_wrong_replacement_is_one_clear_line(monkeypatch: pytest.MonkeyPatch, given: str, said: str) -> None:
    monkeypatch.setenv(TEST_TIMINGS, given)

    with pytest.raises(ConfigurationError, match=said) as refusal:
        load_settings()

    assert len(str(refusal.value).splitlines()) == 1


@pytest.mark.parametrize("host", ["http://127.0.0.1:8123", "http://localhost:1/", "http://[::1]:8123"])
def test_a_provider_on_this_machine_is_called_with_other_timings(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    monkeypatch.setenv(TEST_TIMINGS, SHORT)

    check_host(host)


@pytest.mark.parametrize("host", ["https://dashscope-intl.aliyuncs.com", "http://simulator:8123", "http://127.0.0.1.x"])
def test_no_other_host_is_called_with_other_timings(
    monkeypatch: pytest.MonkeyPatch, context: Context, host: str
) -> None:
    account = Account(name="b", base_url=host, key_env="ALIBABA_API_KEY", headers={})
    context.provider(account)
    monkeypatch.setenv(TEST_TIMINGS, SHORT)

    with pytest.raises(ConfigurationError, match=f"{TEST_TIMINGS} is set, and {host} is not on this machine"):
        context.provider(account)
