"""The two clients offer the same methods with the same parameters."""

from __future__ import annotations

import inspect

import pytest

from reelqueue import AsyncClient, AsyncRenderJobHandle, Client, RenderJobHandle
from reelqueue.client._campaigns.async_methods import AsyncCampaignCalls
from reelqueue.client._campaigns.sync_methods import CampaignCalls
from reelqueue.client._texts.async_methods import AsyncTextCalls
from reelqueue.client._texts.sync_methods import TextCalls
from reelqueue.client._webhooks.async_methods import AsyncWebhookCalls
from reelqueue.client._webhooks.sync_methods import WebhookCalls

TWINS = [
    (Client, AsyncClient),
    (RenderJobHandle, AsyncRenderJobHandle),
    (CampaignCalls, AsyncCampaignCalls),
    (TextCalls, AsyncTextCalls),
    (WebhookCalls, AsyncWebhookCalls),
]
# What the worlds call by different names: asynchronous iterators, transports, and the handle itself.
TRANSLATIONS = {
    "AsyncIterator": "Iterator",
    "AsyncBaseTransport": "BaseTransport",
    "AsyncRenderJobHandle": "RenderJobHandle",
}


@pytest.mark.parametrize(("blocking", "asynchronous"), TWINS)
def test_twins_have_the_same_public_members(blocking: type, asynchronous: type) -> None:
    assert public(blocking) == public(asynchronous)


@pytest.mark.parametrize(("blocking", "asynchronous"), TWINS)
def test_twins_take_and_give_the_same(blocking: type, asynchronous: type) -> None:
    methods = [name for name in public(blocking) if inspect.isfunction(getattr(blocking, name))]

    for name in methods:
        assert signature(blocking, name) == signature(asynchronous, name)


def test_twins_are_made_with_the_same() -> None:
    assert signature(Client, "__init__") == signature(AsyncClient, "__init__")


@pytest.mark.parametrize(("_", "asynchronous"), TWINS)
def test_every_call_that_reaches_the_server_is_awaited(_: type, asynchronous: type) -> None:
    for name in public(asynchronous):
        member = getattr(asynchronous, name)
        if inspect.isfunction(member):
            assert inspect.iscoroutinefunction(member) or inspect.isasyncgenfunction(member)


def public(kind: type) -> set[str]:
    """Names of a class that are for its users."""
    return {name for name in vars(kind) if not name.startswith("_")}


def signature(kind: type, name: str) -> str:
    """A method's signature in the words of the blocking world."""
    text = str(inspect.signature(getattr(kind, name)))
    for word, translation in TRANSLATIONS.items():
        text = text.replace(word, translation)
    return text
