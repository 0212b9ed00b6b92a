"""OpenAI's SDK, the Responses API on every provider; each charged exactly."""

import json
from decimal import Decimal

import openai
import pytest

from content import PDF_BASE64, PDF_TOKENS, PIXEL_BASE64, PIXEL_TOKENS, SCRIPTS, TOOLS, City

PICTURE = {"type": "input_image", "image_url": f"data:image/png;base64,{PIXEL_BASE64}"}
DOCUMENT = {
    "type": "input_file",
    "filename": "tolls.pdf",
    "file_data": f"data:application/pdf;base64,{PDF_BASE64}",
}
FUNCTIONS = [
    {"type": "function", "name": name, "description": text, "parameters": schema, "strict": True}
    for name, text, schema in TOOLS
]


def told(usage):
    """A usage in the order of `books.counts`."""
    inputs, outputs = usage.input_tokens_details, usage.output_tokens_details
    assert usage.total_tokens == usage.input_tokens + usage.output_tokens
    written = getattr(inputs, "cache_write_tokens", 0) or 0
    thought = outputs.reasoning_tokens
    return usage.input_tokens, inputs.cached_tokens, written, usage.output_tokens, thought


def call(client, model, content="Why is the sky blue?", **options):
    return client.responses.create(model=model, input=content, **options)


def user(*parts):
    return [{"role": "user", "content": list(parts)}]


def test_a_question_is_answered_and_charged(client, account, model):
    answer = call(client, model, instructions="You are terse.")
    assert answer.object == "response"
    assert answer.status == "completed"
    assert answer.model == model
    assert answer.error is None and answer.incomplete_details is None
    assert "Why is the sky blue?" in answer.output_text
    account.assert_billed(told(answer.usage))


def test_a_limit_on_tokens_leaves_an_answer_incomplete(client, account, model):
    answer = call(client, model, "Everything about tolls.", max_output_tokens=20)
    assert answer.status == "incomplete"
    assert answer.incomplete_details.reason == "max_output_tokens"
    assert answer.usage.output_tokens == 20
    account.assert_billed(told(answer.usage))


def test_cached_tokens_are_charged_at_their_own_price(client, account, upstream):
    answer = call(client, f"{upstream}/cached", "Again? " * 40)
    assert answer.usage.input_tokens_details.cached_tokens > 0
    account.assert_billed(told(answer.usage))


def test_parallel_tools_are_called_and_their_results_fed_back(client, account, model):
    first = call(client, model, "Lisbon?", tools=FUNCTIONS, tool_choice="required")
    calls = [item for item in first.output if item.type == "function_call"]
    assert [wanted.name for wanted in calls] == ["get_weather", "get_time"]
    assert all("city" in json.loads(wanted.arguments) for wanted in calls)
    assert len({wanted.call_id for wanted in calls}) == 2
    results = [
        {"type": "function_call_output", "call_id": wanted.call_id, "output": output}
        for wanted, output in zip(calls, ["18 degrees", "half past ten"])
    ]
    turns = [{"role": "user", "content": "Lisbon?"}, *first.output, *results]
    second = call(client, model, turns, tools=FUNCTIONS)
    assert second.status == "completed"
    assert "half past ten" in second.output_text
    account.assert_billed(told(first.usage), told(second.usage))


def test_a_json_schema_is_parsed_into_its_type(client, account, model):
    answer = client.responses.parse(model=model, input="About Lisbon.", text_format=City)
    assert isinstance(answer.output_parsed, City)
    account.assert_billed(told(answer.usage))


@pytest.mark.parametrize("part, tokens", [(PICTURE, PIXEL_TOKENS), (DOCUMENT, PDF_TOKENS)])
def test_pictures_and_documents_are_content(client, account, model, part, tokens):
    text = {"type": "input_text", "text": "What is in this?"}
    answer = call(client, model, user(text, part))
    assert answer.usage.input_tokens >= tokens
    assert "What is in this?" in answer.output_text
    account.assert_billed(told(answer.usage))


def test_reasoning_is_an_item_before_the_answer(client, account, model):
    answer = call(client, model, reasoning={"effort": "high", "summary": "auto"})
    kinds = [item.type for item in answer.output]
    assert kinds == ["reasoning", "message"]
    assert answer.usage.output_tokens_details.reasoning_tokens > 0
    account.assert_billed(told(answer.usage))


@pytest.mark.parametrize("name", ["a/claude-sonnet-4-6", "g/gemini-3-pro-preview"])
def test_thoughts_are_proven_in_the_next_turn(client, account, name):
    options = {
        "tools": FUNCTIONS[:1],
        "reasoning": {"effort": "low"},
        "include": ["reasoning.encrypted_content"],
        "store": False,
    }
    first = call(client, name, "Lisbon?", **options)
    (wanted,) = [item for item in first.output if item.type == "function_call"]
    result = {"type": "function_call_output", "call_id": wanted.call_id, "output": "18 degrees"}
    turns = [{"role": "user", "content": "Lisbon?"}, *first.output, result]
    second = call(client, name, turns, **options)
    assert "18 degrees" in second.output_text
    account.assert_billed(told(first.usage), told(second.usage))


def test_every_script_survives_the_way_there_and_back(client, account, model):
    answer = call(client, model, SCRIPTS)
    assert "naïve 東京 🙂" in answer.output_text
    account.assert_billed(told(answer.usage))


def test_a_stream_tells_the_answer_in_order(client, account, model):
    events = list(call(client, model, "Why tolls?", stream=True))
    kinds = [event.type for event in events]
    assert kinds[:2] == ["response.created", "response.in_progress"]
    assert kinds[-1] == "response.completed"
    assert [event.sequence_number for event in events] == list(range(len(events)))
    text = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    (done,) = [event for event in events if event.type == "response.output_text.done"]
    final = events[-1].response
    assert text == done.text == final.output_text
    assert "Why tolls?" in text
    assert final.model == model
    account.assert_billed(told(final.usage))


def test_parallel_tools_are_streamed_piece_by_piece(client, account, model):
    with client.responses.stream(
        model=model, input="Lisbon?", tools=FUNCTIONS, tool_choice="required"
    ) as stream:
        kinds = [event.type for event in stream]
        answer = stream.get_final_response()
    assert kinds.count("response.function_call_arguments.done") == 2
    calls = [item for item in answer.output if item.type == "function_call"]
    assert [wanted.name for wanted in calls] == ["get_weather", "get_time"]
    assert all("city" in json.loads(wanted.arguments) for wanted in calls)
    account.assert_billed(told(answer.usage))


def test_a_streamed_json_schema_is_parsed_into_its_type(client, account, model):
    with client.responses.stream(model=model, input="Lisbon.", text_format=City) as stream:
        answer = stream.until_done().get_final_response()
    assert isinstance(answer.output_parsed, City)
    account.assert_billed(told(answer.usage))


def test_reasoning_is_streamed_before_the_answer(client, account, model):
    options = {"reasoning": {"effort": "high", "summary": "auto"}}
    events = list(call(client, model, stream=True, **options))
    added = [event.item.type for event in events if event.type == "response.output_item.added"]
    assert added == ["reasoning", "message"]
    account.assert_billed(told(events[-1].response.usage))


def test_a_stream_left_half_way_ends_upstream_and_is_charged(client, account, upstream):
    stream = call(client, f"{upstream}/slow", "Take your time.", stream=True)
    seen = 0
    for event in stream:
        seen += event.type == "response.output_text.delta"
        if seen == 10:
            break
    stream.close()
    account.assert_cut_short(10)


def test_a_stream_whose_upstream_dies_says_so_and_costs_nothing(client, account, upstream):
    kinds = []
    try:
        for event in call(client, f"{upstream}/cut", "Do not die.", stream=True):
            kinds.append(event.type)
    except openai.APIError:
        kinds.append("error")
    assert kinds[-1] in ("response.failed", "error")
    rows = account.settled(1)
    assert Decimal(rows[0]["charged"]) == 0
    account.assert_balanced(rows)


@pytest.mark.parametrize(
    "options",
    [
        {"previous_response_id": "resp_1"},
        {"background": True},
        {"conversation": "conv_1"},
    ],
)
def test_what_needs_a_memory_is_refused(client, account, model, options):
    with pytest.raises(openai.BadRequestError) as refusal:
        call(client, model, **options)
    assert refusal.value.code == "unsupported_for_model"
    assert refusal.value.param in options
    account.assert_balanced([])
