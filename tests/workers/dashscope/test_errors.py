"""Each documented code has a class, and errors travel between processes whole."""

from __future__ import annotations

import pickle

import pytest

from reelqueue.states import FailureClass
from workers.dashscope import NoAnswerError, NotSentError, ProviderError, RefusedError, ServerFaultError
from workers.dashscope.errors import classify

ACCOUNT, THROTTLE = FailureClass.ACCOUNT, FailureClass.THROTTLE
INPUT, MODERATION = FailureClass.INPUT, FailureClass.MODERATION
PROVIDER, UNKNOWN = FailureClass.PROVIDER, FailureClass.UNKNOWN

# Alibaba Cloud Model Studio, "Error codes", read 2026-11.
CODES = [
    ("InvalidApiKey", 401, ACCOUNT),
    ("invalid_api_key", 401, ACCOUNT),
    ("NOT AUTHORIZED", 401, ACCOUNT),  # the workspace is absent or not this key's
    ("AccessDenied", 403, ACCOUNT),
    ("AccessDenied.Unpurchased", 403, ACCOUNT),
    ("access_denied", 403, ACCOUNT),
    ("Model.AccessDenied", 403, ACCOUNT),
    ("App.AccessDenied", 403, ACCOUNT),
    ("Workspace.AccessDenied", 403, ACCOUNT),
    ("AllocationQuota.FreeTierOnly", 403, ACCOUNT),
    ("Arrearage", 400, ACCOUNT),  # the status says bad request
    ("CommodityNotPurchased", 429, ACCOUNT),  # the status says too fast
    ("PrepaidBillOverdue", 429, ACCOUNT),
    ("PostpaidBillOverdue", 429, ACCOUNT),
    ("Throttling.AllocationQuota", 429, ACCOUNT),  # a quota comes back when a person buys more
    ("insufficient_quota", 429, ACCOUNT),
    ("WorkSpaceNotFound", 404, ACCOUNT),
    ("Throttling", 429, THROTTLE),
    ("Throttling.RateQuota", 429, THROTTLE),
    ("Throttling.BurstRate", 429, THROTTLE),
    ("LimitRequests", 429, THROTTLE),
    ("limit_requests", 429, THROTTLE),
    ("limit_burst_rate", 429, THROTTLE),
    ("ModelServingError", 503, THROTTLE),
    ("ModelUnavailable", 503, THROTTLE),
    ("ServiceUnavailable", 503, THROTTLE),
    ("InvalidParameter", 400, INPUT),
    ("InvalidParameter.DataInspection", 400, INPUT),  # the inspection could not read the media
    ("BadRequest.EmptyInput", 400, INPUT),
    ("BadRequest.InputDownloadFailed", 400, INPUT),
    ("InvalidURL", 400, INPUT),
    ("InvalidURL.ConnectionRefused", 400, INPUT),
    ("InvalidURL.Timeout", 400, INPUT),
    ("InvalidFile.Size", 400, INPUT),
    ("InvalidImageResolution", 400, INPUT),
    ("InvalidImageFormat", 400, INPUT),
    ("ModelNotFound", 404, INPUT),
    ("model_not_found", 404, INPUT),
    ("UnsupportedOperation", 400, INPUT),
    ("InternalError.Algo.InvalidParameter", 400, INPUT),  # a parameter error, wrapped
    ("DataInspectionFailed", 400, MODERATION),
    ("data_inspection_failed", 400, MODERATION),
    ("IPInfringementSuspect", 400, MODERATION),
    ("CustomRoleBlocked", 400, MODERATION),
    ("FaqRuleBlocked", 400, MODERATION),
    ("InternalError", 500, PROVIDER),
    ("InternalError.Algo", 500, PROVIDER),
    ("InternalError.Timeout", 500, PROVIDER),
    ("InternalError.FileUpload", 500, PROVIDER),
    ("SystemError", 500, PROVIDER),
    ("ModelServiceFailed", 500, PROVIDER),
    ("RewriteFailed", 500, PROVIDER),
    ("RequestTimeOut", 500, PROVIDER),
    ("ResponseTimeout", 500, PROVIDER),
    # Without a known code the status is all there is.
    (None, 401, ACCOUNT),
    (None, 403, ACCOUNT),
    (None, 413, INPUT),
    (None, 429, THROTTLE),
    ("BrandNewCode", 429, THROTTLE),
    ("BrandNewCode", 400, UNKNOWN),
    (None, None, UNKNOWN),
    ("", 500, UNKNOWN),
]


@pytest.mark.parametrize(("code", "http_status", "failure_class"), CODES)
def test_each_code_has_its_class(code: str | None, http_status: int | None, failure_class: FailureClass) -> None:
    assert classify(code, http_status) is failure_class
    assert classify(code and code.upper(), http_status) is failure_class


@pytest.mark.parametrize("kind", [NotSentError, RefusedError, ServerFaultError, NoAnswerError, ProviderError])
def test_an_error_survives_a_pickle(kind: type[ProviderError]) -> None:
    error = kind("no such model", http_status=400, code="InvalidParameter", request_id="4909100c")

    again = pickle.loads(pickle.dumps(error))  # noqa: S301 -- our own

    assert type(again) is kind
    assert vars(again) == vars(error)
    assert str(again) == "dashscope: no such model (400, InvalidParameter, request 4909100c)"


def test_a_long_message_is_cut() -> None:
    assert len(ProviderError("x" * 10_000).message) == 500
