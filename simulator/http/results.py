"""``GET /result/{task_id}.mp4``: the object storage behind ``video_url``."""

from __future__ import annotations

from starlette.responses import FileResponse

from simulator.exchange.call import Call
from simulator.exchange.dependencies import Service
from simulator.exchange.reply import Reply
from simulator.http.oss_errors import storage_refusal


async def result(service: Service, call: Call) -> Reply:
    """The clip of a succeeded task, made on the first request for it; ranges work."""
    expires = call.query("Expires")
    if not service.signer.is_result_signed(call.task_id, expires, call.query("Signature")):
        return storage_refusal(call, 403, "SignatureDoesNotMatch", "The signature we calculated does not match.")
    if not expires.isdecimal() or service.provider.clock.now_ms() >= int(expires) * 1000:
        return storage_refusal(call, 403, "AccessDenied", "Request has expired.")
    service.provider.settle()
    task = service.provider.store.tasks.get(call.task_id)
    if task is None or task.outcome.clip is None:
        return storage_refusal(call, 404, "NoSuchKey", "The specified key does not exist.")
    path = await service.clips.file(task, service.provider.config.clips)
    reply = Reply(200, media_type="video/mp4", response=FileResponse(path, media_type="video/mp4"))
    mark = service.provider.config.clips.mark
    return reply if mark is None else Reply(200, content=path.read_bytes() + _box(mark), media_type="video/mp4")


def _box(mark: str) -> bytes:
    """A box that players skip."""
    return (8 + len(mark)).to_bytes(4, "big") + b"free" + mark.encode()
