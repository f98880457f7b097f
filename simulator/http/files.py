"""``/files`` of the endpoint that other clients know."""

from __future__ import annotations

from typing import Any

from starlette.datastructures import FormData, UploadFile

from simulator.exchange.call import Call
from simulator.exchange.dependencies import Service
from simulator.exchange.reply import Reply
from simulator.http.paging import limit_of
from simulator.store.batches import StoredFile
from simulator.texts.checks import invalid


async def put_file(service: Service, call: Call) -> Reply:
    """``POST /files``: a form with ``purpose`` and ``file``."""
    fields = call.form or FormData()
    file = fields.get("file")
    if not isinstance(file, UploadFile):
        raise invalid("Field required - 'file'")
    purpose = str(fields.get("purpose", ""))
    stored = service.files.put(call.account, file.filename or "file", purpose, await file.read())
    call.task_id = stored.file_id
    return Reply(200, _document(service, stored))


def get_file(service: Service, call: Call) -> Reply:
    """``GET /files/{id}``."""
    return Reply(200, _document(service, service.files.get(call.account, call.task_id)))


def list_files(service: Service, call: Call) -> Reply:
    """``GET /files?purpose=&after=&limit=``, newest first."""
    limit = limit_of(call, default=10_000, maximum=10_000)
    found = service.files.page(call.account, call.query("purpose"), call.query("after"), limit + 1)
    data = [_document(service, file) for file in found[:limit]]
    return Reply(200, {"object": "list", "data": data, "has_more": len(found) > limit})


def file_content(service: Service, call: Call) -> Reply:
    """``GET /files/{id}/content``: the bytes."""
    service.batches.settle()
    service.files.get(call.account, call.task_id)
    content = service.files.content(call.account, call.task_id)
    return Reply(200, content=content or b"", media_type="application/octet-stream")


def delete_file(service: Service, call: Call) -> Reply:
    """``DELETE /files/{id}``."""
    service.files.delete(call.account, call.task_id)
    return Reply(200, {"object": "file", "deleted": True, "id": call.task_id})


def _document(service: Service, file: StoredFile) -> dict[str, Any]:
    return {
        "id": file.file_id,
        "bytes": file.size_bytes,
        "created_at": (file.created_ms + service.provider.config.clock_ahead_ms) // 1000,
        "filename": file.filename,
        "object": "file",
        "purpose": file.purpose,
        "status": "processed",
        "status_details": None,
    }
