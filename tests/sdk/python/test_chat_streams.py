"""OpenAI's SDK, streamed chat: whole, with and without usage, broken, and many at once."""

import asyncio
from decimal import Decimal

import openai
import pytest

from content import City
from test_chat import FUNCTIONS, ask, call, told

USAGE = {"stream_options": {"include_usage": True}}


def text_of(chunks):
    pieces = (choice.delta.content for chunk in chunks for choice in chunk.choices)
    return "".join(piece or "" for piece in pieces)


def read(client, model, content, **options):
    return list(call(client, model, content, stream=True, **options))


def test_a_stream_has_one_beginning_and_one_end(client, account, model):
    chunks = read(client, model, "Why tolls?", **USAGE)
    assert chunks[0].choices[0].delta.role == "assistant"
    finishes = [choice.finish_reason for chunk in chunks for choice in chunk.choices]
    assert [finish for finish in finishes if finish] == ["stop"]
    assert "Why tolls?" in text_of(chunks)
    assert {chunk.model for chunk in chunks} == {model}
    assert len({chunk.id for chunk in chunks}) == 1
    assert len(chunks) > 10
    account.assert_billed(told(chunks[-1].usage))


# Anthropic's dialect has no seed: it says another thing each time.
@pytest.mark.parametrize("model", ["o/chat", "g/chat"])
def test_a_stream_says_what_the_whole_answer_says(client, model):
    whole = call(client, model, "Why tolls?", seed=7)
    chunks = read(client, model, "Why tolls?", seed=7)
    assert text_of(chunks) == whole.choices[0].message.content


def test_usage_comes_when_it_was_asked_for(client, account, model):
    chunks = read(client, model, "Count me.", **USAGE)
    assert [chunk.usage is not None for chunk in chunks].count(True) == 1
    assert chunks[-1].choices == []
    account.assert_billed(told(chunks[-1].usage))


@pytest.mark.parametrize("options", [{}, {"stream_options": {"include_usage": False}}])
def test_usage_stays_away_when_it_was_not_asked_for(client, account, model, options):
    chunks = read(client, model, "Count me in silence.", **options)
    assert all(chunk.usage is None and chunk.choices for chunk in chunks)
    account.assert_billed(None)


def test_parallel_tools_are_streamed_piece_by_piece(client, account, model):
    with client.chat.completions.stream(
        model=model, messages=ask("Lisbon?"), tools=FUNCTIONS, tool_choice="required", **USAGE
    ) as stream:
        done = [event for event in stream if event.type == "tool_calls.function.arguments.done"]
        answer = stream.get_final_completion()
    assert [event.name for event in done] == ["get_weather", "get_time"]
    calls = answer.choices[0].message.tool_calls
    assert [wanted.function.name for wanted in calls] == ["get_weather", "get_time"]
    assert all("city" in wanted.function.arguments for wanted in calls)
    assert answer.choices[0].finish_reason == "tool_calls"
    account.assert_billed(told(answer.usage))


def test_reasoning_is_streamed_before_the_answer(client, account, model):
    chunks = read(client, model, "Think first.", reasoning_effort="high", **USAGE)
    deltas = [choice.delta for chunk in chunks for choice in chunk.choices]
    thoughts = [bool(getattr(delta, "reasoning_content", None)) for delta in deltas]
    words = [bool(delta.content) for delta in deltas]
    assert thoughts.index(True) < words.index(True)
    assert not any(thoughts[words.index(True) :])
    account.assert_billed(told(chunks[-1].usage))


def test_a_streamed_json_schema_is_parsed_into_its_type(client, account, model):
    with client.chat.completions.stream(
        model=model, messages=ask("Lisbon, please."), response_format=City, **USAGE
    ) as stream:
        for _ in stream:
            pass
        answer = stream.get_final_completion()
    assert isinstance(answer.choices[0].message.parsed, City)
    account.assert_billed(told(answer.usage))


def test_choices_of_a_stream_keep_apart(client, account):
    chunks = read(client, "o/chat", "Two of you.", n=2, max_completion_tokens=30, **USAGE)
    for index in (0, 1):
        own = [c.delta.content for chunk in chunks for c in chunk.choices if c.index == index]
        assert "".join(piece or "" for piece in own)
    account.assert_billed(told(chunks[-1].usage))


def test_a_stream_left_half_way_ends_upstream_and_is_charged(client, account, upstream):
    stream = call(client, f"{upstream}/slow", "Take your time.", stream=True)
    seen = 0
    for chunk in stream:
        seen += sum(bool(choice.delta.content) for choice in chunk.choices)
        if seen == 10:
            break
    stream.close()
    account.assert_cut_short(10)


def test_a_stream_whose_upstream_dies_says_so_and_costs_nothing(client, account, upstream):
    with pytest.raises(openai.APIError):
        for _ in call(client, f"{upstream}/cut", "Do not die.", stream=True):
            pass
    rows = account.settled(1)
    assert Decimal(rows[0]["charged"]) == 0
    account.assert_balanced(rows)


def test_thirty_two_streams_at_once_are_each_whole_and_charged(async_client, account, model):
    async def one(number):
        stream = await async_client.chat.completions.create(
            model=model, messages=ask(f"Stream number {number}"), stream=True, **USAGE
        )
        return [chunk async for chunk in stream]

    async def all_of_them():
        try:
            return await asyncio.gather(*(one(number) for number in range(32)))
        finally:
            await async_client.close()

    streams = asyncio.run(all_of_them())
    for number, chunks in enumerate(streams):
        assert f"Stream number {number}" in text_of(chunks)
    account.assert_billed(*(told(chunks[-1].usage) for chunks in streams))
