"""Timings of the protocol, which no operator can set, and how tests replace them.

An operator who shortened the wait before a lost submit counts as absent would pay twice. So a timing has no
variable of its own; tests and chaos give theirs in one variable, which is refused beside a provider that costs money.
"""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Iterable
from typing import Any, Final

from pydantic import Field
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource

from reelqueue.errors import ConfigurationError
from reelqueue.loopback import is_loopback_url

TEST_TIMINGS: Final = "REELQUEUE_TEST_TIMINGS"
"""A JSON object of timings by name without the prefix, such as ``{"SWEEP_SECONDS": 1}``."""

_PREFIX: Final = "REELQUEUE_"

timing: Final = functools.partial(Field, json_schema_extra={"is_timing": True})
"""A timing or limit of the protocol: like a setting, but no variable of its own sets it."""


class _Variables(EnvSettingsSource):
    """The environment, as far as it may set something."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """Nothing for a timing."""
        return (None, field_name, False) if is_timing(field) else super().get_field_value(field, field_name)


class _TestTimings(PydanticBaseSettingsSource):
    """The timings that a test gives."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """A timing, if it is given."""
        given = given_timings() if is_timing(field) else {}
        return given.get(timing_name(self.settings_cls, field_name)), field_name, False

    def __call__(self) -> dict[str, Any]:
        """All that are given."""
        found = {name: self.get_field_value(field, name)[0] for name, field in self.settings_cls.model_fields.items()}
        return {name: value for name, value in found.items() if value is not None}


class SettingsGroup(BaseSettings):
    """Settings of one subject."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - pydantic calls it so
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments, then variables, and for timings what a test gives."""
        return init_settings, _Variables(settings_cls), _TestTimings(settings_cls)


def is_timing(field: FieldInfo) -> bool:
    """Whether no variable of its own sets it."""
    return isinstance(field.json_schema_extra, dict) and "is_timing" in field.json_schema_extra


def given_timings() -> dict[str, Any]:
    """The timings that a test has put in place of the product's.

    Raises:
        ConfigurationError: The variable holds no JSON object.
    """
    text = os.environ.get(TEST_TIMINGS, "")
    try:
        given = json.loads(text) if text else {}
    except ValueError as error:
        raise ConfigurationError(f"{TEST_TIMINGS} is no JSON: {error}") from None
    if not isinstance(given, dict):
        raise ConfigurationError(f'{TEST_TIMINGS} must be a JSON object, such as {{"SWEEP_SECONDS": 1}}')
    return given


def timing_name(group: type[BaseSettings], field_name: str) -> str:
    """What tests call a timing: its variable as it would be, without the prefix."""
    return f"{group.model_config.get('env_prefix', '')}{field_name}".upper().removeprefix(_PREFIX)


def check_timings(groups: Iterable[type[BaseSettings]]) -> None:
    """Refuse a misspelt timing, and a timing that was a variable of its own in an older version.

    Raises:
        ConfigurationError: There is one.
    """
    fields = ((group, name, found) for group in groups for name, found in group.model_fields.items())
    known = {timing_name(group, name) for group, name, found in fields if is_timing(found)}
    if unknown := sorted(set(given_timings()) - known):
        raise ConfigurationError(f"{TEST_TIMINGS} names {unknown[0]}, which is no timing")
    if old := sorted(name for name in known if f"{_PREFIX}{name}" in os.environ):
        raise ConfigurationError(
            f"the environment sets {_PREFIX}{old[0]}, which is a timing of the protocol and no setting any more; "
            "unset it"
        )


def check_host(base_url: str) -> None:
    """Refuse a provider that costs money while a test has replaced timings.

    Raises:
        ConfigurationError: One of them is replaced, and the host is not this machine.
    """
    if given_timings() and not is_loopback_url(base_url):
        raise ConfigurationError(
            f"{TEST_TIMINGS} is set, and {base_url} is not on this machine: with other timings than its own the "
            f"product may pay twice for a clip, so they are for tests against the simulator; unset {TEST_TIMINGS}"
        )
