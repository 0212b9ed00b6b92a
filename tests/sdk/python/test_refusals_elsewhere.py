"""Refusals as Anthropic's and Google's SDKs raise them, and what they retry."""

from decimal import Decimal

import anthropic
import pytest
from google.genai import errors, types

import test_gemini
import test_messages
from books import Account, seen_upstream



def refused(claude, kind, model="o/chat", **options):
    with pytest.raises(kind) as refusal:
        test_messages.call(claude, model, **options)
    body = refusal.value.body
    assert body["type"] == "error"
    assert body["request_id"] == refusal.value.request_id
    assert body["error"]["message"]
    return refusal.value, body["error"]["type"]


def denied(gemini, model="o/chat", kind=errors.ClientError, **config):
    with pytest.raises(kind) as refusal:
        test_gemini.call(gemini, model, **config)
    assert refusal.value.message
    return refusal.value.code, refusal.value.status


@pytest.mark.parametrize("stream", [False, True])
def test_anthropic_learns_of_an_unknown_key(connect, stream):
    claude = connect.anthropic("sk-nobody")
    _, kind = refused(claude, anthropic.AuthenticationError, stream=stream)
    assert kind == "authentication_error"


def test_anthropic_learns_of_an_unknown_model(claude, account):
    _, kind = refused(claude, anthropic.APIStatusError, "o/nothing")
    assert kind in ("not_found_error", "invalid_request_error")
    account.assert_balanced([])


def test_anthropic_learns_of_a_body_that_makes_no_sense(claude, model):
    _, kind = refused(claude, anthropic.BadRequestError, model, messages="not a list")
    assert kind == "invalid_request_error"


def test_anthropic_learns_once_that_there_is_no_money(connect, attempts, model):
    poor = connect.anthropic(Account(credit="0").key, hooks=attempts.hooks, max_retries=2)
    before = seen_upstream()
    error, kind = refused(poor, anthropic.PaymentRequiredError, model)
    assert kind == "billing_error"
    assert error.response.headers["x-should-retry"] == "false"
    assert attempts.statuses == [402]
    assert seen_upstream() == before


def test_anthropic_learns_of_a_rate_limit(connect):
    claude = connect.anthropic(Account(rpm=1).key)
    test_messages.call(claude, "o/chat")
    error, kind = refused(claude, anthropic.RateLimitError)
    assert kind == "rate_limit_error"
    assert 1 <= int(error.response.headers["retry-after"]) <= 60


def test_anthropic_retries_an_upstream_that_is_down(account, connect, attempts, upstream):
    claude = connect.anthropic(account.key, hooks=attempts.hooks, max_retries=1)
    _, kind = refused(claude, anthropic.InternalServerError, f"{upstream}/down")
    assert kind in ("api_error", "overloaded_error")
    assert len(attempts.statuses) == 2
    assert Decimal(account.books()["spent"]) == Decimal(account.books()["held"]) == 0


def test_google_learns_of_an_unknown_key(connect):
    assert denied(connect.gemini("sk-nobody")) == (401, "UNAUTHENTICATED")


def test_google_learns_of_an_unknown_model(gemini, account):
    code, status = denied(gemini, "o/nothing")
    assert (code, status) in [(404, "NOT_FOUND"), (400, "INVALID_ARGUMENT")]
    account.assert_balanced([])


def test_google_learns_that_a_request_makes_no_sense(gemini, model):
    assert denied(gemini, model, max_output_tokens=-5) == (400, "INVALID_ARGUMENT")


def test_google_learns_once_that_there_is_no_money(connect, attempts, model):
    retries = types.HttpRetryOptions(attempts=3, initial_delay=0.01)
    poor = connect.gemini(Account(credit="0").key, attempts.hooks, retry_options=retries)
    code, _ = denied(poor, model)
    assert code == 402
    assert attempts.statuses == [402]


def test_google_learns_of_a_rate_limit(connect):
    gemini = connect.gemini(Account(rpm=1).key)
    test_gemini.call(gemini, "o/chat")
    assert denied(gemini) == (429, "RESOURCE_EXHAUSTED")


def test_google_retries_an_upstream_that_is_down(account, connect, attempts, upstream):
    retries = types.HttpRetryOptions(attempts=2, initial_delay=0.01, jitter=0)
    gemini = connect.gemini(account.key, attempts.hooks, retry_options=retries)
    code, status = denied(gemini, f"{upstream}/down", errors.ServerError)
    assert (code, status) in [(502, "INTERNAL"), (502, "UNAVAILABLE"), (503, "UNAVAILABLE")]
    assert len(attempts.statuses) == 2
    assert Decimal(account.books()["spent"]) == Decimal(account.books()["held"]) == 0
