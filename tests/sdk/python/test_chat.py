"""OpenAI's SDK, chat completions that are not streamed, on every provider; each charged exactly."""

import json

import openai
import pytest

from content import CITY, PDF_BASE64, PDF_TOKENS, PIXEL_BASE64, PIXEL_TOKENS, SCRIPTS, TOOLS, City

PICTURE = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL_BASE64}"}}
DOCUMENT = {
    "type": "file",
    "file": {"filename": "tolls.pdf", "file_data": f"data:application/pdf;base64,{PDF_BASE64}"},
}
FUNCTIONS = [
    {"type": "function", "function": {"name": name, "description": text, "parameters": schema}}
    for name, text, schema in TOOLS
]


def ask(content):
    return [{"role": "user", "content": content}]


def told(usage):
    """A usage in the order of `books.counts`."""
    inputs, outputs = usage.prompt_tokens_details, usage.completion_tokens_details
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens
    cached, written = getattr(inputs, "cached_tokens", 0), getattr(inputs, "cache_write_tokens", 0)
    thought = getattr(outputs, "reasoning_tokens", 0)
    return usage.prompt_tokens, cached or 0, written or 0, usage.completion_tokens, thought or 0


def call(client, model, content="Why is the sky blue?", **options):
    return client.chat.completions.create(model=model, messages=ask(content), **options)


def test_a_chat_is_answered_and_charged(client, account, model):
    answer = call(client, model)
    assert answer.model == model
    assert answer.object == "chat.completion"
    assert answer.choices[0].finish_reason == "stop"
    assert "Why is the sky blue?" in answer.choices[0].message.content
    account.assert_billed(told(answer.usage))


def test_an_answer_names_its_request_and_generation(client, account, model):
    raw = client.chat.completions.with_raw_response.create(model=model, messages=ask("Who?"))
    (row,) = account.settled(1)
    assert raw.headers["x-generation-id"] == row["id"]
    assert raw.request_id
    assert raw.parse().id
    assert int(raw.headers["x-ratelimit-remaining"]) <= int(raw.headers["x-ratelimit-limit"])


def test_cached_tokens_are_charged_at_their_own_price(client, account, upstream):
    answer = call(client, f"{upstream}/cached", "Again? " * 40)
    assert answer.usage.prompt_tokens_details.cached_tokens > 0
    account.assert_billed(told(answer.usage))


def test_a_limit_on_tokens_is_kept(client, account, model):
    answer = call(client, model, "Tell me everything about tolls.", max_completion_tokens=5)
    assert answer.usage.completion_tokens == 5
    assert answer.choices[0].finish_reason == "length"
    (made,) = account.assert_billed(told(answer.usage))
    assert made["max_tokens"] == 5


def test_a_stop_sequence_ends_the_answer(client, account, model):
    answer = call(client, model, "Say pebble and stop there.", stop=["pebble"])
    assert answer.choices[0].finish_reason == "stop"
    assert "pebble" not in answer.choices[0].message.content
    account.assert_billed(told(answer.usage))


def test_system_messages_anywhere_are_read(client, account, model):
    messages = [
        {"role": "system", "content": "You are terse."},
        {"role": "user", "content": "Hello."},
        {"role": "assistant", "content": "Hello."},
        {"role": "developer", "content": "From now on answer in rhyme."},
        {"role": "user", "content": "What are tolls?"},
    ]
    answer = client.chat.completions.create(model=model, messages=messages)
    assert "What are tolls?" in answer.choices[0].message.content
    account.assert_billed(told(answer.usage))


def feed_back(client, model, call, results):
    """Asks again with the results of all calls, in the order of `results`."""
    messages = [*ask("Lisbon?"), call.choices[0].message, *results]
    return client.chat.completions.create(model=model, messages=messages, tools=FUNCTIONS)


def test_parallel_tools_are_called_and_their_results_fed_back(client, account, model):
    first = call(client, model, "Lisbon?", tools=FUNCTIONS, tool_choice="required")
    assert first.choices[0].finish_reason == "tool_calls"
    calls = first.choices[0].message.tool_calls
    assert [wanted.function.name for wanted in calls] == ["get_weather", "get_time"]
    assert all("city" in json.loads(wanted.function.arguments) for wanted in calls)
    assert len({wanted.id for wanted in calls}) == 2
    results = [
        {"role": "tool", "tool_call_id": wanted.id, "content": content}
        for wanted, content in zip(calls, ["18 degrees", "half past ten"])
    ]
    second = feed_back(client, model, first, results)
    assert second.choices[0].finish_reason == "stop"
    assert "half past ten" in second.choices[0].message.content
    account.assert_billed(told(first.usage), told(second.usage))


def test_a_named_tool_is_the_one_that_is_called(client, account, model):
    choice = {"type": "function", "function": {"name": "get_time"}}
    answer = call(client, model, "Lisbon?", tools=FUNCTIONS, tool_choice=choice)
    (wanted,) = answer.choices[0].message.tool_calls
    assert wanted.function.name == "get_time"
    account.assert_billed(told(answer.usage))


def test_tools_that_are_barred_are_not_called(client, account, model):
    answer = call(client, model, "Lisbon?", tools=FUNCTIONS, tool_choice="none")
    assert answer.choices[0].finish_reason == "stop"
    assert not answer.choices[0].message.tool_calls
    account.assert_billed(told(answer.usage))


def test_calls_come_one_at_a_time_where_that_was_asked_for(client, account, model):
    options = {"tools": FUNCTIONS, "tool_choice": "required", "parallel_tool_calls": False}
    if model.startswith("g/"):
        options["tools"] = FUNCTIONS[:1]  # Gemini cannot be told; there is but one to call.
    answer = call(client, model, "Lisbon?", **options)
    assert len(answer.choices[0].message.tool_calls) == 1
    account.assert_billed(told(answer.usage))


def test_json_mode_answers_an_object(client, account, model):
    answer = call(client, model, "A colour, in JSON.", response_format={"type": "json_object"})
    assert isinstance(json.loads(answer.choices[0].message.content), dict)
    assert answer.choices[0].finish_reason == "stop"
    account.assert_billed(told(answer.usage))


def test_a_json_schema_is_parsed_into_its_type(client, account, model):
    answer = client.chat.completions.parse(
        model=model, messages=ask("Tell me about Lisbon."), response_format=City
    )
    assert isinstance(answer.choices[0].message.parsed, City)
    account.assert_billed(told(answer.usage))


def test_a_strict_tool_is_parsed_into_its_arguments(client, account, model):
    tool = openai.pydantic_function_tool(City, name="note_city")
    answer = client.chat.completions.parse(
        model=model, messages=ask("Note Lisbon."), tools=[tool], tool_choice="required"
    )
    (wanted,) = answer.choices[0].message.tool_calls
    assert isinstance(wanted.function.parsed_arguments, City)
    account.assert_billed(told(answer.usage))


@pytest.mark.parametrize("part, tokens", [(PICTURE, PIXEL_TOKENS), (DOCUMENT, PDF_TOKENS)])
def test_pictures_and_documents_are_content(client, account, model, part, tokens):
    answer = call(client, model, [{"type": "text", "text": "What is in this?"}, part])
    assert answer.usage.prompt_tokens >= tokens
    assert "What is in this?" in answer.choices[0].message.content
    account.assert_billed(told(answer.usage))


def test_reasoning_is_shown_counted_and_charged(client, account, model):
    answer = call(client, model, reasoning_effort="high")
    assert answer.choices[0].message.reasoning_content
    assert answer.usage.completion_tokens_details.reasoning_tokens > 0
    account.assert_billed(told(answer.usage))


def test_no_reasoning_means_none(client, account, model):
    answer = call(client, model, reasoning_effort="none")
    (made,) = account.assert_billed(told(answer.usage))
    assert made["reasoning"] == 0


@pytest.mark.parametrize("name", ["a/claude-sonnet-4-6", "g/gemini-3-pro-preview"])
def test_thoughts_are_proven_in_the_next_turn(client, account, name):
    first = call(client, name, "Lisbon?", tools=FUNCTIONS, reasoning_effort="low")
    assert first.usage.completion_tokens_details.reasoning_tokens > 0
    results = [
        {"role": "tool", "tool_call_id": wanted.id, "content": "18 degrees"}
        for wanted in first.choices[0].message.tool_calls
    ]
    messages = [*ask("Lisbon?"), first.choices[0].message, *results]
    second = client.chat.completions.create(
        model=name,
        messages=messages,
        tools=FUNCTIONS,
        reasoning_effort="low",
    )
    assert "18 degrees" in second.choices[0].message.content
    account.assert_billed(told(first.usage), told(second.usage))


def test_several_choices_are_all_charged_or_refused(client, account, model):
    options = {"n": 2, "max_completion_tokens": 20}
    if model.startswith("o/"):
        answer = call(client, model, "Pick a number.", **options)
        assert [choice.index for choice in answer.choices] == [0, 1]
        account.assert_billed(told(answer.usage))
        return
    with pytest.raises(openai.BadRequestError) as refusal:
        call(client, model, "Pick a number.", **options)
    assert refusal.value.code == "unsupported_for_model"
    assert refusal.value.param == "n"
    account.assert_balanced([])


def test_what_is_dropped_is_said(client, account, model):
    raw = client.chat.completions.with_raw_response.create(
        model=model, messages=ask("Who?"), logit_bias={"50256": -100}
    )
    dropped = raw.headers.get("x-dropped-params", "")
    assert ("logit_bias" in dropped) == (not model.startswith("o/"))
    account.assert_billed(told(raw.parse().usage))


def test_every_script_survives_the_way_there_and_back(client, account, model):
    answer = call(client, model, SCRIPTS)
    assert "naïve 東京 🙂" in answer.choices[0].message.content
    account.assert_billed(told(answer.usage))


def test_a_prompt_of_a_megabyte_is_answered(client, account, model):
    answer = call(client, model, "toll " * 210_000)
    assert answer.usage.prompt_tokens > 200_000
    account.assert_billed(told(answer.usage))


def test_models_are_listed_and_retrieved(client, model):
    listed = {model.id: model for model in client.models.list()}
    assert listed[model].object == "model"
    assert client.models.retrieve(model).id == model


def test_the_schema_of_a_tool_reaches_its_call(client, account, model):
    tool = {"type": "function", "function": {"name": "place", "parameters": CITY}}
    answer = call(client, model, "Lisbon?", tools=[tool], tool_choice="required")
    (wanted,) = answer.choices[0].message.tool_calls
    assert set(json.loads(wanted.function.arguments)) == {"city"}
    account.assert_billed(told(answer.usage))
