"""What `help` says of the clients and the request types."""

from __future__ import annotations

import inspect
import pydoc
import re

import pytest
from pydantic import BaseModel

from reelqueue import (
    AsyncClient,
    AsyncRenderJobHandle,
    Client,
    ImageToVideo,
    MediaItem,
    ReferenceToVideo,
    RenderJobHandle,
    TextToVideo,
    VideoEdit,
)
from reelqueue.client._campaigns.async_methods import AsyncCampaignCalls
from reelqueue.client._campaigns.sync_methods import CampaignCalls
from reelqueue.client._webhooks.async_methods import AsyncWebhookCalls
from reelqueue.client._webhooks.sync_methods import WebhookCalls

TWINS = [
    (Client, AsyncClient),
    (RenderJobHandle, AsyncRenderJobHandle),
    (CampaignCalls, AsyncCampaignCalls),
    (WebhookCalls, AsyncWebhookCalls),
]


METHODS = [
    (f"{blocking.__name__}.{name}", method, getattr(awaited, name))
    for blocking, awaited in TWINS
    for name, method in inspect.getmembers(blocking, inspect.isfunction)
    if not name.startswith("_")
]


@pytest.mark.parametrize(("method", "twin"), [pytest.param(*both, id=name) for name, *both in METHODS])
def test_a_method_says_what_it_does_in_both_clients(method: object, twin: object) -> None:
    first, of_twin = (str(inspect.getdoc(each)).partition("\n")[0] for each in (method, twin))

    assert first == of_twin
    assert first.endswith(".")
    assert not first.startswith("As ")


@pytest.mark.parametrize("kind", [TextToVideo, ImageToVideo, ReferenceToVideo, VideoEdit, MediaItem])
def test_help_on_a_request_type_says_what_each_option_means(kind: type[BaseModel]) -> None:
    text = pydoc.render_doc(kind, renderer=pydoc.plaintext)

    assert text.splitlines()[3] == f" |  {kind.__name__}(**options)"  # and not three screens of annotations
    for name, field in kind.model_fields.items():
        assert f"\n |          {name}: {str(field.description).partition(chr(10))[0]}" in text
        assert field.description


@pytest.mark.parametrize("client", [Client, AsyncClient])
def test_help_lists_campaigns_and_webhooks(client: type) -> None:
    text = pydoc.render_doc(client, renderer=pydoc.plaintext)

    # The first line is the name, and how the attribute is made.
    assert re.search(r"\| {2}campaigns\b.*\n \| {6}Calls on campaigns", text)
    assert re.search(r"\| {2}webhooks\b.*\n \| {6}Calls on webhook endpoints", text)
