"""The asyncio client's calls on webhook endpoints."""

from __future__ import annotations

from uuid import UUID

from reelqueue.client._drivers import AsyncDriver
from reelqueue.client._webhooks import operations as ops
from reelqueue.webhooks import WebhookDeliveries, WebhookDelivery, WebhookEndpoint, WebhookSecret


class AsyncWebhookCalls:
    """The webhook endpoints of the client's tenant; errors as `WebhookCalls` has them."""

    def __init__(self, driver: AsyncDriver, retry_seconds: float) -> None:
        self._driver = driver
        self._retry_seconds = retry_seconds

    async def make(self, url: str) -> WebhookSecret:
        """Make an endpoint, told of every job that ends from now on. Its secret is in this answer and no other.

        Arguments and errors are those of `WebhookCalls.make`.
        """
        return await self._driver.run(ops.make(url))

    async def list(self) -> list[WebhookEndpoint]:
        """Every endpoint, oldest first."""
        return (await self._driver.run(ops.listed(self._retry_seconds))).items

    async def delete(self, endpoint_id: UUID) -> None:
        """Delete an endpoint; what it has not been told yet, it never is."""
        await self._driver.run(ops.delete(endpoint_id, self._retry_seconds))

    async def enable(self, endpoint_id: UUID) -> WebhookEndpoint:
        """Tell an endpoint again that has answered 410 Gone, from now on."""
        return await self._driver.run(ops.enable(endpoint_id, self._retry_seconds))

    async def test(self, endpoint_id: UUID) -> WebhookDelivery:
        """Post a `webhook.test` event; its delivery says how that went."""
        return await self._driver.run(ops.try_out(endpoint_id))

    async def deliveries(self, endpoint_id: UUID, *, limit: int = 50, before: UUID | None = None) -> WebhookDeliveries:
        """What an endpoint was told or is to be told, newest first; *before* is the page's `next_before`."""
        return await self._driver.run(ops.deliveries(endpoint_id, limit, before, self._retry_seconds))

    async def redeliver(self, endpoint_id: UUID, delivery_id: UUID) -> WebhookDelivery:
        """Post an event once more, under its old id."""
        return await self._driver.run(ops.redeliver(endpoint_id, delivery_id, self._retry_seconds))
