"""Answers that are not streamed: every feature a program uses, each charged exactly."""

import json

from pydantic import BaseModel

MODEL = "sim/chat"
PIXEL = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9Q"
    "DwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather in a city",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
        },
    },
}


def ask(text):
    return [{"role": "user", "content": text}]


def test_a_chat_is_answered_and_charged(client, account):
    answer = client.chat.completions.create(model=MODEL, messages=ask("Why is the sky blue?"))
    assert answer.model == MODEL
    assert answer.object == "chat.completion"
    assert answer.choices[0].finish_reason == "stop"
    assert answer.choices[0].message.content
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
    account.assert_charged(answer.usage)


def test_an_answer_names_its_request_and_generation(client, account):
    raw = client.chat.completions.with_raw_response.create(model=MODEL, messages=ask("Who?"))
    rows = account.settled(1)
    assert raw.headers["x-generation-id"] == rows[0]["id"]
    assert raw.request_id
    assert int(raw.headers["x-ratelimit-remaining"]) <= int(raw.headers["x-ratelimit-limit"])


def test_cached_tokens_are_charged_at_their_own_price(client, account):
    answer = client.chat.completions.create(model="sim/cached", messages=ask("Again? " * 40))
    assert answer.usage.prompt_tokens_details.cached_tokens > 0
    account.assert_charged(answer.usage)


def test_a_limit_on_tokens_is_kept(client, account):
    answer = client.chat.completions.create(
        model=MODEL, messages=ask("Tell me everything about tolls."), max_tokens=5
    )
    assert answer.usage.completion_tokens <= 5
    assert answer.choices[0].finish_reason == "length"
    account.assert_charged(answer.usage)


def test_tools_are_called_and_their_results_fed_back(client, account):
    messages = ask("What is the weather in Lisbon?")
    call = client.chat.completions.create(
        model=MODEL, messages=messages, tools=[WEATHER], tool_choice="required"
    )
    assert call.choices[0].finish_reason == "tool_calls"
    wanted = call.choices[0].message.tool_calls[0]
    assert wanted.function.name == "get_weather"
    assert "city" in json.loads(wanted.function.arguments)
    result = {"role": "tool", "tool_call_id": wanted.id, "content": "18 degrees and sunny"}
    messages = [*messages, call.choices[0].message, result]
    answer = client.chat.completions.create(model=MODEL, messages=messages, tools=[WEATHER])
    assert "18 degrees" in answer.choices[0].message.content
    account.assert_charged(call.usage, answer.usage)


def test_json_mode_answers_an_object(client, account):
    answer = client.chat.completions.create(
        model=MODEL,
        messages=ask("Answer in JSON: a colour."),
        response_format={"type": "json_object"},
    )
    assert isinstance(json.loads(answer.choices[0].message.content), dict)
    account.assert_charged(answer.usage)


class City(BaseModel):
    name: str
    inhabitants: int
    rivers: list[str]


def test_a_json_schema_is_parsed_into_its_type(client, account):
    answer = client.chat.completions.parse(
        model=MODEL, messages=ask("Tell me about Lisbon."), response_format=City
    )
    assert isinstance(answer.choices[0].message.parsed, City)
    account.assert_charged(answer.usage)


def test_an_image_is_content_like_any_other(client, account):
    parts = [
        {"type": "text", "text": "What is in this picture?"},
        {"type": "image_url", "image_url": {"url": PIXEL}},
    ]
    answer = client.chat.completions.create(model=MODEL, messages=ask(parts))
    assert answer.usage.prompt_tokens >= 256
    account.assert_charged(answer.usage)


def test_several_choices_are_all_charged(client, account):
    answer = client.chat.completions.create(
        model=MODEL, messages=ask("Pick a number."), n=2, max_completion_tokens=20
    )
    assert [choice.index for choice in answer.choices] == [0, 1]
    account.assert_charged(answer.usage)


def test_every_script_survives_the_way_there_and_back(client, account):
    text = "naïve 東京 🙂 \u0000 \" \\ \u2028 שלום"
    answer = client.chat.completions.create(model=MODEL, messages=ask(text))
    assert "naïve 東京 🙂" in answer.choices[0].message.content
    account.assert_charged(answer.usage)


def test_a_prompt_of_a_megabyte_is_answered(client, account):
    answer = client.chat.completions.create(model=MODEL, messages=ask("toll " * 210_000))
    assert answer.usage.prompt_tokens > 200_000
    account.assert_charged(answer.usage)


def test_models_are_listed_and_retrieved(client):
    listed = {model.id: model for model in client.models.list()}
    assert MODEL in listed
    assert listed[MODEL].object == "model"
    assert client.models.retrieve(MODEL).id == MODEL
