"""Refusals: each SDK raises the type that it documents, retries what is worth it, and no more."""

import time
from decimal import Decimal

import openai
import pytest

from books import Account, admin, seen_upstream
from test_chat import ask, call

MODEL = "o/chat"


@pytest.mark.parametrize("stream", [False, True])
def test_an_unknown_key_is_an_authentication_error(connect, stream):
    with pytest.raises(openai.AuthenticationError) as refusal:
        call(connect.openai("sk-nobody"), MODEL, stream=stream)
    assert refusal.value.status_code == 401
    assert refusal.value.code == "invalid_api_key"
    assert refusal.value.request_id


def test_an_unknown_model_is_a_bad_request(client, account):
    with pytest.raises(openai.BadRequestError) as refusal:
        call(client, "o/nothing")
    assert refusal.value.code == "model_not_found"
    assert "o/nothing" in refusal.value.message
    account.assert_balanced([])


def test_a_body_that_makes_no_sense_is_a_bad_request(client, model):
    with pytest.raises(openai.BadRequestError) as refusal:
        client.chat.completions.create(model=model, messages="not a list")
    assert refusal.value.type == "invalid_request_error"


def test_an_unknown_model_cannot_be_retrieved(client):
    with pytest.raises(openai.APIStatusError) as refusal:
        client.models.retrieve("o/nothing")
    assert refusal.value.status_code in (400, 404)


def test_no_money_is_said_once_and_not_retried(connect, attempts, model):
    poor = connect.openai(Account(credit="0").key, hooks=attempts.hooks, max_retries=2)
    before = seen_upstream()
    with pytest.raises(openai.APIStatusError) as refusal:
        call(poor, model)
    assert refusal.value.status_code == 402
    assert refusal.value.code == "insufficient_credits"
    assert refusal.value.response.headers["x-should-retry"] == "false"
    assert attempts.statuses == [402]
    assert seen_upstream() == before


def test_a_rate_limit_is_a_rate_limit_error_with_its_headers(connect):
    account = Account(rpm=1)
    client = connect.openai(account.key)
    first = client.chat.completions.with_raw_response.create(model=MODEL, messages=ask("One"))
    assert first.headers["x-ratelimit-limit"] == "1"
    with pytest.raises(openai.RateLimitError) as refusal:
        call(client, MODEL)
    assert refusal.value.code == "rate_limit_exceeded"
    headers = refusal.value.response.headers
    assert headers["x-ratelimit-limit"] == "1"
    assert headers["x-ratelimit-remaining"] == "0"
    assert 1 <= int(headers["retry-after"]) <= 60
    assert int(headers["x-ratelimit-reset"]) >= int(time.time())
    account.assert_billed(None)


def test_an_upstream_that_is_down_is_retried_and_costs_nothing(
    account, connect, attempts, upstream
):
    client = connect.openai(account.key, hooks=attempts.hooks, max_retries=1)
    before = seen_upstream()
    with pytest.raises(openai.InternalServerError) as refusal:
        call(client, f"{upstream}/down")
    assert refusal.value.status_code in (502, 503)
    assert refusal.value.code in ("provider_error", "provider_overloaded")
    assert len(attempts.statuses) == 2
    assert seen_upstream() - before >= 2
    assert Decimal(account.books()["spent"]) == 0
    assert Decimal(account.books()["held"]) == 0


def test_a_disabled_key_is_refused_at_once(account, client):
    call(client, MODEL)
    for key in admin("GET", f"/accounts/{account.id}/keys")["data"]:
        admin("DELETE", f"/keys/{key['hash']}")
    with pytest.raises(openai.AuthenticationError):
        call(client, MODEL)
