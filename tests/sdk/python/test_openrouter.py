"""OpenRouter's own SDK under /api/v1, on every provider; each charged exactly, and told so."""

import json
from decimal import Decimal

import pytest
from openrouter import errors

from books import Account, seen_upstream
from content import TOOLS, City
from test_chat import DOCUMENT, FUNCTIONS, PICTURE, ask

STRICT = {
    "type": "json_schema",
    "json_schema": {"name": "city", "strict": True, "schema": City.model_json_schema()},
}


def told(usage):
    """A usage in the order of `books.counts`."""
    inputs, outputs = usage.prompt_tokens_details, usage.completion_tokens_details
    cached, written = (inputs.cached_tokens, inputs.cache_write_tokens) if inputs else (0, 0)
    thought = outputs.reasoning_tokens if outputs else 0
    return usage.prompt_tokens, cached or 0, written or 0, usage.completion_tokens, thought or 0


def call(router, model, content="Why is the sky blue?", **options):
    return router.chat.send(model=model, messages=ask(content), **options)


def assert_paid(account, usage):
    """The answer told its own price, to the last digit that a JSON number carries."""
    account.assert_billed(told(usage))
    (row,) = account.generations()
    assert Decimal(str(usage.cost)) == Decimal(row["charged"])


def test_a_chat_is_answered_and_its_cost_told(router, account, model):
    answer = call(router, model)
    assert answer.model == model
    (row,) = account.settled(1)
    assert answer.id == row["id"]
    assert answer.choices[0].finish_reason == "stop"
    assert "Why is the sky blue?" in answer.choices[0].message.content
    assert_paid(account, answer.usage)


def test_a_stream_ends_with_its_usage_and_cost(router, account, model):
    with call(router, model, "Why tolls?", stream=True) as stream:
        chunks = list(stream)
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert "Why tolls?" in text
    assert [bool(chunk.usage) for chunk in chunks].count(True) == 1
    assert_paid(account, chunks[-1].usage)


def test_parallel_tools_are_called_and_their_results_fed_back(router, account, model):
    first = call(router, model, "Lisbon?", tools=FUNCTIONS, tool_choice="required")
    message = first.choices[0].message
    calls = message.tool_calls
    assert [wanted.function.name for wanted in calls] == [name for name, _, _ in TOOLS]
    assert all("city" in json.loads(wanted.function.arguments) for wanted in calls)
    results = [
        {"role": "tool", "tool_call_id": wanted.id, "content": content}
        for wanted, content in zip(calls, ["18 degrees", "half past ten"])
    ]
    messages = [*ask("Lisbon?"), message.model_dump(by_alias=True, exclude_unset=True), *results]
    second = router.chat.send(model=model, messages=messages, tools=FUNCTIONS)
    assert "half past ten" in second.choices[0].message.content
    account.assert_billed(told(first.usage), told(second.usage))


@pytest.mark.parametrize("part", [PICTURE, DOCUMENT])
def test_pictures_and_documents_are_content(router, account, model, part):
    answer = call(router, model, [{"type": "text", "text": "What is in this?"}, part])
    assert "What is in this?" in answer.choices[0].message.content
    account.assert_billed(told(answer.usage))


def test_a_json_schema_is_followed(router, account, model):
    answer = call(router, model, "About Lisbon.", response_format=STRICT)
    City.model_validate_json(answer.choices[0].message.content)
    account.assert_billed(told(answer.usage))


def test_reasoning_is_shown_counted_and_charged(router, account, model):
    answer = call(router, model, reasoning={"effort": "high"})
    assert answer.choices[0].message.reasoning
    assert answer.usage.completion_tokens_details.reasoning_tokens > 0
    assert_paid(account, answer.usage)


def test_a_response_is_answered_and_charged(router, account, model):
    answer = router.responses.send(model=model, input="Why tolls?")
    assert answer.status == "completed"
    assert answer.usage.output_tokens > 0
    (made,) = account.assert_billed(None)
    assert (made["prompt"], made["completion"]) == (
        answer.usage.input_tokens,
        answer.usage.output_tokens,
    )


def test_a_response_is_streamed(router, account, model):
    with router.responses.send(model=model, input="Why tolls?", stream=True) as stream:
        kinds = [event.type for event in stream]
    assert kinds[0] == "response.created" and kinds[-1] == "response.completed"
    account.assert_billed(None)


def test_models_and_their_endpoints_are_listed(router, model):
    listed = {row.id: row for row in router.models.list().result.data}
    assert listed[model].pricing.prompt == "0.00000125"
    author, slug = model.split("/")
    found = router.endpoints.list(author=author, slug=slug).data
    assert [str(endpoint.provider_name) for endpoint in found.endpoints] == [f"speaks-{author}"]


def test_a_generation_is_looked_up(router, account, model):
    answer = call(router, model)
    account.settled(1)
    found = router.generations.get_generation(id=answer.id).data
    assert found.model == model
    assert Decimal(str(found.total_cost)) == Decimal(str(answer.usage.cost))
    assert found.native_tokens_prompt == answer.usage.prompt_tokens


def test_keys_are_made_changed_and_deleted(account, connect):
    router = connect.openrouter(account.another_key(**{"class": "management"}))
    made = router.api_keys.create(name="made by a test", limit=1.5)
    assert made.key and made.data.limit == 1.5
    assert made.data.hash in {key.hash for key in router.api_keys.list().data}
    renamed = router.api_keys.update(hash=made.data.hash, name="renamed")
    assert renamed.data.name == "renamed"
    assert router.api_keys.delete(hash=made.data.hash).DELETED


def test_credits_and_the_key_in_use_are_told(account, router, connect):
    call(router, "o/chat")
    (row,) = account.settled(1)
    mine = router.api_keys.get_current_key_metadata().data
    assert Decimal(str(mine.usage)) == Decimal(row["charged"])
    keeper = connect.openrouter(account.another_key(**{"class": "management"}))
    credits = keeper.credits.get_credits().data
    assert Decimal(str(credits.total_usage)) == Decimal(row["charged"])
    assert credits.total_credits == 5


def test_an_unknown_key_is_unauthorized(connect):
    with pytest.raises(errors.UnauthorizedResponseError):
        call(connect.openrouter("sk-nobody"), "o/chat")


def test_no_money_is_said_once_and_not_retried(connect, attempts, model):
    poor = connect.openrouter(Account(credit="0").key, attempts.hooks)
    before = seen_upstream()
    with pytest.raises(errors.PaymentRequiredResponseError) as refusal:
        call(poor, model)
    assert refusal.value.data.error.code == 402
    assert attempts.statuses == [402]
    assert seen_upstream() == before


def test_an_unknown_model_is_a_bad_request(router):
    with pytest.raises(errors.BadRequestResponseError):
        call(router, "o/nothing")


def test_an_upstream_that_is_down_is_a_bad_gateway(router, account, upstream):
    with pytest.raises((errors.BadGatewayResponseError, errors.ServiceUnavailableResponseError)):
        call(router, f"{upstream}/down")
    assert Decimal(account.books()["spent"]) == 0


def test_a_stream_left_half_way_ends_upstream_and_is_charged(router, account, upstream):
    with call(router, f"{upstream}/slow", "Take your time.", stream=True) as stream:
        for seen, _ in enumerate(stream, 1):
            if seen == 12:
                break
    account.assert_cut_short(10)
