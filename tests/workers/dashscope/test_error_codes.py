"""Each documented code has one meaning, in every wrapping and wherever it is met."""

from __future__ import annotations

import json

import pytest

from models import Account
from reelqueue.states import FailureClass, RenderState
from tests.support.due import decide_at
from tests.support.jobs import Jobs
from tests.support.rows import Rows
from tests.support.scripted_provider import refused, task
from workers.dashscope import RefusedError
from workers.dashscope.answer_check import RawAnswer, check_answer
from workers.dashscope.error_codes import RULES, rule_of

ACCOUNT, THROTTLE = FailureClass.ACCOUNT, FailureClass.THROTTLE
INPUT, MODERATION = FailureClass.INPUT, FailureClass.MODERATION
PROVIDER, UNKNOWN = FailureClass.PROVIDER, FailureClass.UNKNOWN

FREE_QUOTA = "Free allocated quota exceeded."
PLAN = "You exceeded your current quota, please check your plan and billing details."
RESET = "Allocated quota exceeded. Your quota will reset at 2026-12-21 00:00:00."
PACE = "Allocated quota exceeded, please increase your quota limit."
BLOCKED = "<400> InternalError.Algo.DataInspectionFailed: Input data may contain inappropriate content."

# Alibaba Cloud Model Studio, "Error codes", read 2026-11: code, message, HTTP status, class, whether it may pass.
CODES = [
    ("InvalidApiKey", "Invalid API-key provided.", 401, ACCOUNT, False),
    ("invalid_api_key", "Incorrect API key provided.", 401, ACCOUNT, False),
    ("NOT AUTHORIZED", "Access denied: Either you are not authorized to access this workspace", 401, ACCOUNT, False),
    ("AccessDenied", "current user api does not support synchronous calls.", 403, ACCOUNT, False),
    ("AccessDenied", "Invalid according to Policy: Policy expired.", 403, ACCOUNT, False),
    ("access_denied", "Access denied.", 403, ACCOUNT, False),
    ("AccessDenied.Unpurchased", "Access to model denied. Service not activated.", 403, ACCOUNT, False),
    ("Model.AccessDenied", "Model access denied.", 403, ACCOUNT, False),
    ("App.AccessDenied", "App access denied.", 403, ACCOUNT, False),
    ("Workspace.AccessDenied", "Workspace access denied.", 403, ACCOUNT, False),
    ("AllocationQuota.FreeTierOnly", "The free tier of the model has been exhausted.", 403, ACCOUNT, False),
    ("Arrearage", "Access denied, please make sure your account is in good standing.", 400, ACCOUNT, False),
    ("CommodityNotPurchased", "Commodity has not purchased yet.", 429, ACCOUNT, False),  # the status says too fast
    ("PrepaidBillOverdue", "The prepaid bill is overdue.", 429, ACCOUNT, False),
    ("PostpaidBillOverdue", "The postpaid bill is overdue.", 429, ACCOUNT, False),
    ("WorkSpaceNotFound", "WorkSpace can not be found.", 404, ACCOUNT, False),
    ("Throttling.AllocationQuota", FREE_QUOTA, 429, ACCOUNT, False),
    ("Throttling.AllocationQuota", PLAN, 429, ACCOUNT, False),
    ("Throttling.AllocationQuota", RESET, 429, THROTTLE, True),
    ("Throttling.AllocationQuota", PACE, 429, THROTTLE, True),
    ("insufficient_quota", PLAN, 429, ACCOUNT, False),
    ("insufficient_quota", FREE_QUOTA, 400, ACCOUNT, False),  # in some products
    ("insufficient_quota", RESET, 429, THROTTLE, True),
    ("insufficient_quota", PACE, 429, THROTTLE, True),
    ("Throttling", "Requests throttling triggered.", 429, THROTTLE, True),
    ("Throttling", "Too many requests in route. Please try again later.", 429, THROTTLE, True),
    ("Throttling.RateQuota", "Requests rate limit exceeded, please try again later.", 429, THROTTLE, True),
    ("Throttling.BurstRate", "Request rate increased too quickly.", 429, THROTTLE, True),
    ("Throttling.Concurrency", "Too many concurrent requests.", 429, THROTTLE, True),
    ("LimitRequests", "You exceeded your current requests list.", 429, THROTTLE, True),
    ("limit_requests", "You exceeded your current requests list.", 429, THROTTLE, True),
    ("limit_burst_rate", "Request rate increased too quickly.", 429, THROTTLE, True),
    ("ModelServingError", "Too many requests. Your requests are being throttled.", 503, THROTTLE, True),
    ("ModelUnavailable", "Model is unavailable, please try again later.", 503, THROTTLE, True),
    ("ServiceUnavailable", "The service is unavailable, please try again later.", 503, THROTTLE, True),
    ("InvalidParameter", "Model not exist.", 400, INPUT, False),
    ("InvalidParameter", "Field required: input.prompt", 400, INPUT, False),
    ("InvalidParameter", "url error, please check url!", 400, INPUT, False),
    ("InvalidParameter.DataInspection", "Unable to download the media resource", 400, INPUT, True),
    ("InvalidParameter.DataInspection", "The media format is not supported or incorrect", 400, INPUT, False),
    ("BadRequest.EmptyInput", 'Required input parameter "input" missing from request.', 400, INPUT, False),
    ("BadRequest.EmptyModel", 'Required parameter "model" missing from request.', 400, INPUT, False),
    ("BadRequest.EmptyParameters", 'Required parameter "parameters" missing from request.', 400, INPUT, False),
    ("BadRequest.IllegalInput", "The input parameter requires json format.", 400, INPUT, False),
    ("BadRequest.TooLarge", "Payload Too Large", 400, INPUT, False),
    ("BadRequest.InputDownloadFailed", "Failed to download the input file", 400, INPUT, True),
    ("InvalidURL", "The request URL is invalid", 400, INPUT, False),
    ("InvalidURL.ConnectionRefused", "Connection to URL refused", 400, INPUT, True),
    ("InvalidURL.Timeout", "Download URL timed out", 400, INPUT, True),
    ("InvalidFile.Size", "Invalid file size.", 400, INPUT, False),
    ("InvalidImage.NoHumanFace", "No human face detected.", 400, INPUT, False),
    ("InvalidImageResolution", "The image resolution is invalid", 400, INPUT, False),
    ("InvalidImageFormat", "Invalid image format", 400, INPUT, False),
    ("ModelNotFound", "Model not found", 404, INPUT, False),
    ("model_not_found", "The model does not exist or you do not have access to it.", 404, INPUT, False),
    ("UnsupportedOperation", "Failed to cancel the task, please confirm that it is PENDING", 400, INPUT, False),
    ("InternalError.Algo.InvalidParameter", "Range of input length should be", 400, INPUT, False),  # wrapped
    ("DataInspectionFailed", "Input data may contain inappropriate content.", 400, MODERATION, False),
    ("DataInspectionFailed", "Output data may contain inappropriate content.", 400, MODERATION, False),
    ("data_inspection_failed", "Output data may contain inappropriate content.", 400, MODERATION, False),
    ("IPInfringementSuspect", "Input data is suspected of being involved in IP infringement.", 400, MODERATION, False),
    ("CustomRoleBlocked", "Input or output data may contain inappropriate content", 400, MODERATION, False),
    ("FaqRuleBlocked", "Input or output data is blocked by faq rule.", 400, MODERATION, False),
    ("InternalError.Algo.DataInspectionFailed", BLOCKED, None, MODERATION, False),  # inside a task, wrapped
    ("InternalError.Algo", BLOCKED, None, MODERATION, False),
    ("InternalError", BLOCKED, None, MODERATION, False),
    (None, BLOCKED, None, MODERATION, False),
    ("BadRequest.DataInspectionFailed", "blocked", None, MODERATION, False),
    ("InvalidParameter.DataInspectionFailed", "blocked", None, MODERATION, False),
    ("InvalidParameter", "Input data may contain inappropriate content.", None, MODERATION, False),
    ("InternalError.Algo.IPInfringementSuspect", "blocked", None, MODERATION, False),
    ("InternalError.Algo.Throttling", "Too many requests.", None, THROTTLE, True),
    ("InternalError", "An internal error has occurred, please try again later.", 500, PROVIDER, True),
    ("InternalError.Algo", "An internal error has occurred during computation.", 500, PROVIDER, True),
    ("InternalError.Algo.AccessDenied", "no", 500, PROVIDER, True),  # of a service of its own
    ("InternalError.Timeout", "An internal timeout error has occurred.", 500, PROVIDER, True),
    ("InternalError.Upload", "Failed to upload result.", 500, PROVIDER, True),
    ("InternalError.FileUpload", "oss upload error.", 500, PROVIDER, True),
    ("SystemError", "An system error has occurred, please try again later.", 500, PROVIDER, True),
    ("ModelServiceFailed", "Failed to request model service.", 500, PROVIDER, True),
    ("RewriteFailed", "Failed to rewrite content for prompt.", 500, PROVIDER, True),
    ("RequestTimeOut", "Request timed out, please try again later.", 500, PROVIDER, True),
    ("ResponseTimeout", "Response timeout", 500, PROVIDER, True),
    # Without a known code the status is all there is.
    (None, None, 401, ACCOUNT, False),
    (None, None, 403, ACCOUNT, False),
    (None, None, 413, INPUT, False),
    (None, None, 429, THROTTLE, True),
    ("BrandNewCode", "slow down", 429, THROTTLE, True),
    ("BrandNewCode", "The budget of this workspace is used up.", 429, ACCOUNT, False),
    ("BrandNewCode", "what", 400, UNKNOWN, False),
    (None, None, None, UNKNOWN, False),
    ("", "", 500, UNKNOWN, False),
]


@pytest.mark.parametrize(("code", "message", "http_status", "failure_class", "may_pass"), CODES)
def test_each_code_has_its_meaning(
    code: str | None, message: str | None, http_status: int | None, failure_class: FailureClass, *, may_pass: bool
) -> None:
    for spelling in (code, code and code.upper(), code and code.lower()):
        rule = rule_of(spelling, message, http_status)
        assert (rule.failure_class, rule.may_pass) == (failure_class, may_pass)


def test_every_rule_is_the_first_for_some_code() -> None:
    assert {id(rule_of(code, message, status)) for code, message, status, *_ in CODES} >= set(map(id, RULES))


@pytest.mark.parametrize(("code", "message"), [(code, message) for code, message, *_ in CODES])
def test_a_task_that_failed_with_it_is_treated_alike(code: str | None, message: str | None) -> None:
    rule = rule_of(code, message)

    outcome = decide_at(1, "FAILED", code=code, message=message)

    blocks_account = rule.failure_class is ACCOUNT and rule.blocks_account
    ended = RenderState.MODERATED if rule.failure_class is MODERATION else RenderState.FAILED
    assert outcome.to_state is (RenderState.QUEUED if rule.may_pass or blocks_account else ended)
    assert outcome.failure_class is rule.failure_class
    assert (outcome.pause is not None) is blocks_account


REFUSALS = [
    (code, message, status, kind) for code, message, status, kind, _ in CODES if code and status and status < 500
]


@pytest.mark.parametrize(("code", "message", "http_status", "failure_class"), REFUSALS)
def test_a_call_that_is_refused_with_it_is_treated_alike(
    code: str, message: str, http_status: int, failure_class: FailureClass
) -> None:
    document = {"code": code, "message": message}

    with pytest.raises(RefusedError) as raised:
        check_answer(RawAnswer(http_status, {}, json.dumps(document).encode(), "dashscope.test"))

    error = raised.value
    outcome = decide_at(1, error)
    assert error.failure_class is failure_class
    assert outcome.to_state is None  # a query's refusal says nothing of the task
    assert (outcome.pause is not None) is (failure_class is ACCOUNT and error.rule.blocks_account)


def test_moderation_in_any_wrapping_is_one_attempt(jobs: Jobs, rows: Rows) -> None:
    job_id = jobs.rendering()

    jobs.poll(task("FAILED", code="InternalError.Algo.DataInspectionFailed", message=BLOCKED))

    assert (rows.state(job_id), len(rows.attempts(job_id))) == (RenderState.MODERATED, 1)
    assert rows.job(job_id).next_poll_at is None


def test_a_task_that_failed_for_the_account_pauses_it_and_waits(jobs: Jobs, rows: Rows) -> None:
    job_id = jobs.rendering()

    jobs.poll(task("FAILED", code="Arrearage", message="not in good standing"))

    assert rows.account().paused_reason == "a task failed with Arrearage"
    assert (rows.state(job_id), rows.has_slot(job_id), rows.spent(job_id)) == (RenderState.QUEUED, False, 0)


def test_queries_that_are_refused_for_the_account_pause_it(jobs: Jobs, rows: Rows) -> None:
    job_id = jobs.rendering()

    jobs.poll(refused(401, "InvalidApiKey"))

    assert "InvalidApiKey" in (rows.account().paused_reason or "")
    assert (rows.state(job_id), rows.has_slot(job_id)) == (RenderState.RENDERING, True)


def test_queries_of_tasks_at_a_former_address_do_not_pause_the_account(jobs: Jobs, rows: Rows) -> None:
    jobs.rendering()
    rows.change(Account, Account.name == "default", base_url="https://elsewhere.test")

    jobs.poll(refused(401, "InvalidApiKey"))

    assert rows.account().paused_at is None
