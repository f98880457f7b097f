"""Clients of the HTTP API, blocking and for asyncio, with the same methods.

::

    from reelqueue import Client

    with Client() as client:
        job = client.submit(model="wan2.6-t2v", prompt="a paper boat on a lake", duration=5)
        job.wait()
        job.download("boat.mp4")
"""

from __future__ import annotations

from reelqueue.client._async import AsyncClient, AsyncRenderJobHandle
from reelqueue.client._sync import Client, RenderJobHandle

__all__ = ["AsyncClient", "AsyncRenderJobHandle", "Client", "RenderJobHandle"]
