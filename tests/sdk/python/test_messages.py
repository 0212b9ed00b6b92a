"""Anthropic's SDK on every provider; each charged exactly."""

from decimal import Decimal

import anthropic
import pytest
from anthropic import beta_tool

from content import PDF_BASE64, PDF_TOKENS, PIXEL_BASE64, PIXEL_TOKENS, SCRIPTS, TOOLS, City

FUNCTIONS = [
    {"name": name, "description": text, "input_schema": schema} for name, text, schema in TOOLS
]


def source(kind, data):
    return {"type": "base64", "media_type": kind, "data": data}


PICTURE = {"type": "image", "source": source("image/png", PIXEL_BASE64)}
DOCUMENT = {"type": "document", "source": source("application/pdf", PDF_BASE64)}


def told(usage):
    """A usage in the order of `books.counts`."""
    cached, written = usage.cache_read_input_tokens or 0, usage.cache_creation_input_tokens or 0
    thought = getattr(usage.output_tokens_details, "thinking_tokens", 0)
    total = usage.input_tokens + cached + written
    return total, cached, written, usage.output_tokens, thought or 0


def ask(content):
    return [{"role": "user", "content": content}]


def call(claude, model, content="Why is the sky blue?", **options):
    options = {"max_tokens": 1000, "messages": ask(content), **options}
    return claude.messages.create(model=model, **options)


def words(answer):
    return "".join(block.text for block in answer.content if block.type == "text")


def uses(answer):
    return [block for block in answer.content if block.type == "tool_use"]


def test_a_message_is_answered_and_charged(claude, account, model):
    answer = call(claude, model, system="You are terse.")
    assert answer.type == "message" and answer.role == "assistant"
    assert answer.id
    assert answer.model == model
    assert answer.stop_reason == "end_turn" and answer.stop_sequence is None
    assert "Why is the sky blue?" in words(answer)
    account.assert_billed(told(answer.usage))


def test_an_answer_names_its_request_and_generation(claude, account, model):
    raw = claude.messages.with_raw_response.create(
        model=model, max_tokens=10, messages=ask("Who?")
    )
    (row,) = account.settled(1)
    assert raw.headers["x-generation-id"] == row["id"]
    assert raw.headers["request-id"]


def test_cached_tokens_are_charged_at_their_own_price(claude, account, upstream):
    answer = call(claude, f"{upstream}/cached", "Again? " * 40)
    assert answer.usage.cache_read_input_tokens > 0
    account.assert_billed(told(answer.usage))


def test_marks_for_the_cache_are_understood(claude, account, model):
    lasting = {"type": "ephemeral", "ttl": "1h"}
    system = [{"type": "text", "text": "Know tolls. " * 500, "cache_control": lasting}]
    brief = {"type": "text", "text": "Tolls? " * 500, "cache_control": {"type": "ephemeral"}}
    answer = call(claude, model, [brief], system=system)
    (made,) = account.assert_billed(told(answer.usage))
    if model.startswith("a/"):
        assert made["cache_write_1h"] > 0 and made["cache_write"] > 0
        assert answer.usage.cache_creation.ephemeral_1h_input_tokens == made["cache_write_1h"]
        assert answer.usage.cache_creation.ephemeral_5m_input_tokens == made["cache_write"]


def test_a_limit_on_tokens_is_kept(claude, account, model):
    answer = call(claude, model, "Everything about tolls.", max_tokens=5)
    assert answer.stop_reason == "max_tokens"
    assert answer.usage.output_tokens == 5
    account.assert_billed(told(answer.usage))


def test_a_stop_sequence_ends_the_answer(claude, account, model):
    answer = call(claude, model, "Say pebble and stop.", stop_sequences=["pebble"])
    assert answer.stop_reason in ("stop_sequence", "end_turn")
    if model.startswith("a/"):
        assert (answer.stop_reason, answer.stop_sequence) == ("stop_sequence", "pebble")
    assert "pebble" not in words(answer)
    account.assert_billed(told(answer.usage))


def test_parallel_tools_are_called_and_their_results_fed_back(claude, account, model):
    any_tool = {"type": "any"}
    first = call(claude, model, "Lisbon?", tools=FUNCTIONS, tool_choice=any_tool)
    assert first.stop_reason == "tool_use"
    calls = uses(first)
    assert [wanted.name for wanted in calls] == ["get_weather", "get_time"]
    assert all("city" in wanted.input for wanted in calls)
    assert len({wanted.id for wanted in calls}) == 2
    results = [
        {"type": "tool_result", "tool_use_id": wanted.id, "content": content, "is_error": failed}
        for wanted, content, failed in zip(calls, ["no such city", "half past ten"], [True, False])
    ]
    turn = {"role": "assistant", "content": first.content}
    messages = [*ask("Lisbon?"), turn, *ask(results)]
    second = call(claude, model, messages=messages, tools=FUNCTIONS)
    assert second.stop_reason == "end_turn"
    assert "half past ten" in words(second)
    account.assert_billed(told(first.usage), told(second.usage))


def test_the_tool_runner_goes_on_until_there_is_an_answer(claude, account, model):
    asked = []

    @beta_tool
    def get_weather(city: str) -> str:
        """The weather in a city.

        Args:
            city: Where.
        """
        asked.append(city)
        return "18 degrees"

    runner = claude.beta.messages.tool_runner(
        model=model,
        max_tokens=500,
        messages=ask("Lisbon?"),
        tools=[get_weather],
        max_iterations=3,
    )
    answers = list(runner)
    assert len(asked) == 1 and len(answers) == 2
    assert "18 degrees" in words(answers[-1])
    account.assert_billed(*(told(answer.usage) for answer in answers))


def test_a_result_may_hold_a_picture(claude, account, model):
    first = call(claude, model, "Lisbon?", tools=FUNCTIONS[:1], tool_choice={"type": "any"})
    (wanted,) = uses(first)
    parts = [{"type": "text", "text": "a postcard"}, PICTURE]
    result = {"type": "tool_result", "tool_use_id": wanted.id, "content": parts}
    messages = [*ask("Lisbon?"), {"role": "assistant", "content": first.content}, *ask([result])]
    second = call(claude, model, messages=messages, tools=FUNCTIONS[:1])
    made = account.assert_billed(told(first.usage), told(second.usage))
    assert max(truth["prompt"] for truth in made) >= PIXEL_TOKENS


def test_a_json_schema_is_parsed_into_its_type(claude, account, model):
    answer = claude.messages.parse(
        model=model, max_tokens=500, messages=ask("About Lisbon."), output_format=City
    )
    assert isinstance(answer.parsed_output, City)
    account.assert_billed(told(answer.usage))


@pytest.mark.parametrize("part, tokens", [(PICTURE, PIXEL_TOKENS), (DOCUMENT, PDF_TOKENS)])
def test_pictures_and_documents_are_content(claude, account, model, part, tokens):
    answer = call(claude, model, [part, {"type": "text", "text": "What is in this?"}])
    usage = told(answer.usage)
    assert usage[0] >= tokens
    assert "What is in this?" in words(answer)
    account.assert_billed(usage)


def test_thinking_is_shown_counted_and_charged(claude, account, model):
    thinking = {"type": "enabled", "budget_tokens": 1024}
    answer = call(claude, model, max_tokens=4000, thinking=thinking)
    assert [block.type for block in answer.content] == ["thinking", "text"]
    assert answer.content[0].thinking
    assert answer.usage.output_tokens_details.thinking_tokens > 0
    account.assert_billed(told(answer.usage))


@pytest.mark.parametrize("name", ["o/chat", "a/claude-sonnet-4-6", "g/gemini-3-pro-preview"])
def test_thoughts_are_proven_in_the_next_turn(claude, account, name):
    thinking = {"type": "adaptive"}
    options = {"tools": FUNCTIONS[:1], "thinking": thinking, "output_config": {"effort": "low"}}
    first = call(claude, name, "Lisbon?", **options)
    (wanted,) = uses(first)
    result = {"type": "tool_result", "tool_use_id": wanted.id, "content": "18 degrees"}
    messages = [*ask("Lisbon?"), {"role": "assistant", "content": first.content}, *ask([result])]
    second = call(claude, name, messages=messages, **options)
    assert "18 degrees" in words(second)
    account.assert_billed(told(first.usage), told(second.usage))


def test_every_script_survives_the_way_there_and_back(claude, account, model):
    answer = call(claude, model, SCRIPTS)
    assert "naïve 東京 🙂" in words(answer)
    account.assert_billed(told(answer.usage))


def test_tokens_are_counted_before_anything_is_asked(claude, account, model):
    messages = ask("How many tokens is this? " * 20)
    counted = claude.messages.count_tokens(model=model, messages=messages)
    answer = claude.messages.create(model=model, max_tokens=5, messages=messages)
    (made,) = account.assert_billed(told(answer.usage))
    if model.startswith("o/"):
        assert 0 < counted.input_tokens <= 2 * made["prompt"]
    else:
        assert counted.input_tokens == made["prompt"]


def test_a_stream_tells_the_answer_block_by_block(claude, account, model):
    events = list(call(claude, model, "Why tolls?", stream=True))
    kinds = [event.type for event in events if event.type != "ping"]
    assert kinds[:2] == ["message_start", "content_block_start"]
    assert kinds[-3:] == ["content_block_stop", "message_delta", "message_stop"]
    assert set(kinds[2:-3]) == {"content_block_delta"}
    start = events[0].message
    assert start.model == model and start.usage.input_tokens > 0
    text = "".join(event.delta.text for event in events if event.type == "content_block_delta")
    assert "Why tolls?" in text
    account.assert_billed(None)


def test_the_stream_helper_gathers_the_answer(claude, account, model):
    options = {"max_tokens": 500, "messages": ask("Why tolls?")}
    with claude.messages.stream(model=model, **options) as stream:
        text = "".join(stream.text_stream)
        answer = stream.get_final_message()
    assert text == words(answer)
    assert answer.stop_reason == "end_turn"
    account.assert_billed(told(answer.usage))


def test_parallel_tools_are_streamed_piece_by_piece(claude, account, model):
    options = {"max_tokens": 500, "tools": FUNCTIONS, "tool_choice": {"type": "any"}}
    with claude.messages.stream(model=model, messages=ask("Lisbon?"), **options) as stream:
        pieces = [event for event in stream if event.type == "input_json"]
        answer = stream.get_final_message()
    assert len(pieces) >= 2
    assert [wanted.name for wanted in uses(answer)] == ["get_weather", "get_time"]
    assert all("city" in wanted.input for wanted in uses(answer))
    assert answer.stop_reason == "tool_use"
    account.assert_billed(told(answer.usage))


def test_thinking_is_streamed_before_the_answer(claude, account, model):
    thinking = {"type": "enabled", "budget_tokens": 1024}
    options = {"max_tokens": 4000, "thinking": thinking, "messages": ask("Think first.")}
    with claude.messages.stream(model=model, **options) as stream:
        kinds = [event.type for event in stream]
        answer = stream.get_final_message()
    assert kinds.index("thinking") < kinds.index("text")
    assert [block.type for block in answer.content] == ["thinking", "text"]
    account.assert_billed(told(answer.usage))


def test_a_stream_left_half_way_ends_upstream_and_is_charged(claude, account, upstream):
    stream = call(claude, f"{upstream}/slow", "Take your time.", stream=True)
    seen = 0
    for event in stream:
        seen += event.type == "content_block_delta"
        if seen == 10:
            break
    stream.close()
    account.assert_cut_short(10)


def test_a_stream_whose_upstream_dies_says_so_and_costs_nothing(claude, account, upstream):
    with pytest.raises(anthropic.APIError):
        for _ in call(claude, f"{upstream}/cut", "Do not die.", stream=True):
            pass
    rows = account.settled(1)
    assert Decimal(rows[0]["charged"]) == 0
    account.assert_balanced(rows)
