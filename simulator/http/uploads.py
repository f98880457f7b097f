"""Temporary uploads: the policy, and the form of the object storage that takes the file."""

from __future__ import annotations

import base64
import json
from typing import Any, Final

from starlette.datastructures import FormData, UploadFile

from simulator.errors import WireError
from simulator.exchange.call import Call
from simulator.exchange.dependencies import Service
from simulator.exchange.reply import Reply
from simulator.http.oss_errors import storage_refusal
from simulator.signing import ACCESS_KEY_ID
from simulator.store.media import Upload

FILE_LIMIT_MB: Final = 100
_CAPACITY_MB: Final = 999_999_999


def policy(service: Service, call: Call) -> Reply:
    """``GET /uploads?action=getPolicy&model=M``: permission to upload files for one model, for five minutes."""
    call.model = call.query("model")
    if call.query("action") != "getPolicy" or not call.model:
        raise WireError(400, "InvalidParameter", "Required parameter(s) missing: action, model.")
    service.provider.count_upload(call.account, call.model)
    config = service.provider.config
    lifetime_seconds = config.lifetimes.upload_policy_seconds
    folder = f"dashscope-instant/{call.account}/{call.request_id}"
    expiration_ms = service.provider.clock.now_ms() + config.scaled_ms(lifetime_seconds)
    terms = {"expiration_ms": expiration_ms, "account": call.account, "model": call.model, "folder": folder}
    text = base64.b64encode(json.dumps(terms).encode()).decode()
    data = {
        "policy": text,
        "signature": service.signer.sign(text),
        "upload_dir": folder,
        "upload_host": f"{call.request.base_url}oss",
        "expire_in_seconds": round(lifetime_seconds),
        "max_file_size_mb": FILE_LIMIT_MB,
        "capacity_limit_mb": _CAPACITY_MB,
        "oss_access_key_id": ACCESS_KEY_ID,
        "x_oss_object_acl": "private",
        "x_oss_forbid_overwrite": "true",  # a text, as captured
    }
    return Reply(200, {"request_id": call.request_id, "data": data})


async def upload(service: Service, call: Call) -> Reply:
    """``POST {upload_host}``: a form with the policy and, as its last field, the file."""
    fields = call.form or FormData()
    terms = _terms(service, str(fields.get("policy", "")), str(fields.get("Signature", "")))
    if terms is None:
        return storage_refusal(call, 403, "SignatureDoesNotMatch", "The signature does not match the policy.")
    if service.provider.clock.now_ms() >= terms["expiration_ms"]:
        return storage_refusal(call, 403, "AccessDenied", "Invalid according to Policy: Policy expired.")
    key, file = str(fields.get("key", "")), fields.get("file")
    if not key.startswith(terms["folder"] + "/") or not isinstance(file, UploadFile):
        return storage_refusal(call, 403, "AccessDenied", "Invalid according to Policy: Policy Condition failed.")
    content = await file.read()
    if len(content) > FILE_LIMIT_MB * 1024 * 1024:
        return storage_refusal(call, 400, "EntityTooLarge", "Your proposed upload exceeds the maximum allowed size.")
    call.account, call.model = terms["account"], terms["model"]
    if not _store(service, terms, key, content):
        return storage_refusal(
            call, 409, "FileAlreadyExists", "The object you specified already exists and can not be overwritten."
        )
    return Reply(200 if fields.get("success_action_status") == "200" else 204)


def _terms(service: Service, text: str, signature: str) -> dict[str, Any] | None:
    """What a policy of ours allows; ``None`` for any other text."""
    if not text or not service.signer.is_signed(text, signature):
        return None
    terms: dict[str, Any] = json.loads(base64.b64decode(text))
    return terms


def _store(service: Service, terms: dict[str, Any], key: str, content: bytes) -> bool:
    config, now_ms = service.provider.config, service.provider.clock.now_ms()
    expires_ms = now_ms + config.scaled_ms(config.lifetimes.upload_seconds)
    return service.provider.store.media.put_upload(Upload(key, terms["account"], terms["model"], content, expires_ms))
