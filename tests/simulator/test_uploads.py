"""Temporary uploads: policy, form and ``oss://`` links."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from PIL import Image

if TYPE_CHECKING:
    from tests.simulator.conftest import Wire

MODEL = "wan2.6-i2v"


def test_an_uploaded_picture_can_be_used_with_its_model(wire: Wire) -> None:
    link = f"oss://{sent(wire)}"

    assert outcome(wire, link)["task_status"] == "SUCCEEDED"


def test_a_link_needs_the_resolve_header(wire: Wire) -> None:
    link = f"oss://{sent(wire)}"

    assert outcome(wire, link, resolve="")["code"] == "InvalidParameter.DataInspection"


def test_a_link_belongs_to_its_model(wire: Wire) -> None:
    link = f"oss://{sent(wire)}"

    assert outcome(wire, link, model="wan2.6-i2v-flash")["code"] == "InvalidParameter.DataInspection"


def test_a_link_dies_after_48_hours(wire: Wire) -> None:
    link = f"oss://{sent(wire)}"
    wire.bench.after(48 * 3600)

    assert outcome(wire, link)["code"] == "InvalidParameter.DataInspection"


def test_a_policy_expires(wire: Wire) -> None:
    policy = policy_of(wire)
    wire.bench.after(301)

    answer = send(wire, policy)

    assert answer.status_code == 403
    assert "Policy expired" in answer.text


@pytest.mark.parametrize(("field", "value"), [("Signature", "wrong"), ("key", "elsewhere/cat.png")])
def test_a_form_that_does_not_fit_the_policy_is_refused(wire: Wire, field: str, value: str) -> None:
    assert send(wire, policy_of(wire), **{field: value}).status_code == 403


def test_an_upload_never_overwrites(wire: Wire) -> None:
    policy = policy_of(wire)
    send(wire, policy)

    assert send(wire, policy).status_code == 409


def test_a_policy_needs_a_model(wire: Wire) -> None:
    assert wire.client.get("/api/v1/uploads?action=getPolicy").status_code == 400


def policy_of(wire: Wire) -> dict[str, Any]:
    """An upload policy."""
    data: dict[str, Any] = wire.client.get(f"/api/v1/uploads?action=getPolicy&model={MODEL}").json()["data"]
    return data


def send(wire: Wire, policy: dict[str, Any], **changed: str) -> httpx.Response:
    """Upload a small picture with the fields that the official SDK sends."""
    fields = {
        "OSSAccessKeyId": policy["oss_access_key_id"],
        "Signature": policy["signature"],
        "policy": policy["policy"],
        "key": f"{policy['upload_dir']}/cat.png",
        "x-oss-object-acl": policy["x_oss_object_acl"],
        "x-oss-forbid-overwrite": policy["x_oss_forbid_overwrite"],
        "success_action_status": "200",
    }
    picture = io.BytesIO()
    Image.new("RGB", (320, 240), "teal").save(picture, "PNG")
    return wire.client.post(policy["upload_host"], data=fields | changed, files={"file": picture.getvalue()})


def sent(wire: Wire) -> str:
    """The key of an uploaded picture."""
    policy = policy_of(wire)
    answer = send(wire, policy)
    assert (answer.status_code, answer.content) == (200, b"")
    return f"{policy['upload_dir']}/cat.png"


def outcome(wire: Wire, link: str, *, model: str = MODEL, resolve: str = "enable") -> dict[str, Any]:
    """The end of a task whose first frame is *link*."""
    body = {"model": model, "input": {"prompt": "a cat [[run=1]]", "img_url": link}}
    answer = wire.post(body, X_DashScope_OssResourceResolve=resolve).json()
    wire.bench.after(10)
    output: dict[str, Any] = wire.query(answer["output"]["task_id"])["output"]
    return output
