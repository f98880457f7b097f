"""How the object storage refuses: XML, with its own words."""

from __future__ import annotations

from xml.sax.saxutils import escape

from simulator.exchange.call import Call
from simulator.exchange.reply import Reply


def storage_refusal(call: Call, status: int, code: str, message: str) -> Reply:
    """An error document of the object storage."""
    text = (
        '<?xml version="1.0" encoding="UTF-8"?>\n<Error>\n'
        f"  <Code>{code}</Code>\n  <Message>{escape(message)}</Message>\n"
        f"  <RequestId>{call.request_id}</RequestId>\n  <HostId>{escape(call.header('host'))}</HostId>\n</Error>\n"
    )
    return Reply(status, content=text.encode(), media_type="application/xml")
