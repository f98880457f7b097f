"""Calls are signed as the provider's own SDK signs them."""

from __future__ import annotations

import hashlib

import pytest
from pydantic import SecretStr

from workers.provider_bill.acs3_signature import AccessKey, Action, canonical_request, sign_call

# Made up; the signatures were computed with the vendor's own SDK, alibabacloud-tea-openapi 0.4.6.
KEY = AccessKey("LTAI5tEXAMPLEONLY0000001", SecretStr("ExampleSecretDoNotUse000000001"))
DATE, NONCE = "2026-11-30T02:00:00Z", "3156853299f313e23d1673dc12e1703d"
MODEL_STUDIO = "modelstudio.ap-southeast-1.aliyuncs.com"

CASES = {
    "trend": (
        Action("GetBillingTrend", "2026-02-10", "GET", MODEL_STUDIO, "/modelstudio/billing/trend"),
        {
            "granularity": "DAY",
            "groupBy": '[{"code":"BASE_MODEL"}]',
            "locale": "en-US",
            "timePeriod": '{"end":"2026-11-30","start":"2026-11-01"}',
            "topNum": "20",
            "zeroFilter": "false",
        },
        "ccc5aed9a0145a25b346645cfbb683bd099020923deb352f89bd1d1ef3186cdb",
        "b83cbeecc73a98a43af454047a6572e147ba1590fe57961beb6f14488932625d",
    ),
    "overview": (
        Action("GetBillingOverview", "2026-02-10", "GET", MODEL_STUDIO, "/modelstudio/billing/overview"),
        {
            "billMonth": "2026-11",
            "filter": '{"dimensions":[{"code":"WORKSPACE_ID","selectType":"NOT","values":["ws a*b~c/é"]}]}',
            "groupBy": '[{"code":"WORKSPACE_ID"}]',
        },
        "c639266fadefd68ad5046f0029d69cd837e12ad8447cb36e05b7ac8f758f1c08",
        "9ce2fb3272e3780216e44378e7053280bd8b3f9d268bcec9ac11c8ffb4022b95",
    ),
    "instances": (
        Action("DescribeInstanceBill", "2017-12-14", "POST", "business.ap-southeast-1.aliyuncs.com", "/"),
        {
            "BillingCycle": "2026-11",
            "BillingDate": "2026-11-29",
            "Granularity": "DAILY",
            "IsBillingItem": "true",
            "MaxResults": "300",
            "ProductCode": "sfm",
        },
        "5c33ca13195166b9a71594662d0dd451042566356ea72caae1695b1d2b382390",
        "4872d9f223ec76f80b3aa205d69f429b87da4cd84e671ecc7ed043ae90fc5ca1",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_call_is_signed_as_the_vendors_sdk_signs_it(name: str) -> None:
    action, parameters, request_sha256, signature = CASES[name]

    signed = sign_call(action, parameters, KEY, date=DATE, nonce=NONCE)

    unsigned = {header: value for header, value in signed.headers.items() if header != "Authorization"}
    request = canonical_request(action.method, action.path, signed.query, unsigned)
    assert hashlib.sha256(request.encode()).hexdigest() == request_sha256
    assert signed.headers["Authorization"] == (
        "ACS3-HMAC-SHA256 Credential=LTAI5tEXAMPLEONLY0000001,SignedHeaders=host;x-acs-action;x-acs-content-sha256;"
        f"x-acs-date;x-acs-signature-nonce;x-acs-version,Signature={signature}"
    )


def test_temporary_credentials_sign_their_token() -> None:
    action, parameters, _, _ = CASES["instances"]

    signed = sign_call(
        action, parameters, AccessKey(KEY.id, KEY.secret, SecretStr("sts-token")), date=DATE, nonce=NONCE
    )

    assert signed.headers["x-acs-security-token"] == "sts-token"
    assert signed.headers["x-acs-accesskey-id"] == KEY.id
    assert "x-acs-accesskey-id;x-acs-action" in signed.headers["Authorization"]
    assert "x-acs-security-token;" in signed.headers["Authorization"]
