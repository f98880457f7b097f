"""The blocking client's calls on webhook endpoints."""

from __future__ import annotations

from uuid import UUID

from reelqueue.client._drivers import SyncDriver
from reelqueue.client._webhooks import operations as ops
from reelqueue.webhooks import WebhookDeliveries, WebhookDelivery, WebhookEndpoint, WebhookSecret


class WebhookCalls:
    """The webhook endpoints of the client's tenant; what they are told is in `reelqueue.webhooks`."""

    def __init__(self, driver: SyncDriver, retry_seconds: float) -> None:
        self._driver = driver
        self._retry_seconds = retry_seconds

    def make(self, url: str) -> WebhookSecret:
        """Make an endpoint, told of every job that ends from now on. Its secret is in this answer and no other.

        Raises:
            InvalidRequestError: nothing is posted to this URL.
            ConflictError: the server has no key to sign with, or the tenant has too many endpoints.
            UnavailableError: no answer; the endpoint may be there, without anybody knowing its secret.
        """
        return self._driver.run(ops.make(url))

    def list(self) -> list[WebhookEndpoint]:
        """Every endpoint, oldest first."""
        return self._driver.run(ops.listed(self._retry_seconds)).items

    def delete(self, endpoint_id: UUID) -> None:
        """Delete an endpoint; what it has not been told yet, it never is."""
        self._driver.run(ops.delete(endpoint_id, self._retry_seconds))

    def enable(self, endpoint_id: UUID) -> WebhookEndpoint:
        """Tell an endpoint again that has answered 410 Gone, from now on."""
        return self._driver.run(ops.enable(endpoint_id, self._retry_seconds))

    def test(self, endpoint_id: UUID) -> WebhookDelivery:
        """Post a `webhook.test` event; its delivery says how that went."""
        return self._driver.run(ops.try_out(endpoint_id))

    def deliveries(self, endpoint_id: UUID, *, limit: int = 50, before: UUID | None = None) -> WebhookDeliveries:
        """What an endpoint was told or is to be told, newest first; *before* is the page's `next_before`."""
        return self._driver.run(ops.deliveries(endpoint_id, limit, before, self._retry_seconds))

    def redeliver(self, endpoint_id: UUID, delivery_id: UUID) -> WebhookDelivery:
        """Post an event once more, under its old id."""
        return self._driver.run(ops.redeliver(endpoint_id, delivery_id, self._retry_seconds))
