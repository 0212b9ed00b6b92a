"""Streams: whole, with and without usage, cancelled, and many at once; each charged exactly."""

import asyncio
from decimal import Decimal

import openai
import pytest

from books import INPUT, MILLION, OUTPUT
from test_answers import MODEL, WEATHER, ask


def text_of(chunks):
    pieces = (choice.delta.content for chunk in chunks for choice in chunk.choices)
    return "".join(piece or "" for piece in pieces)


def read(client, messages, **options):
    return list(
        client.chat.completions.create(model=MODEL, messages=messages, stream=True, **options)
    )


def test_a_stream_says_what_the_whole_answer_says(client):
    whole = client.chat.completions.create(model=MODEL, messages=ask("Why tolls?"), seed=7)
    chunks = read(client, ask("Why tolls?"), seed=7)
    assert text_of(chunks) == whole.choices[0].message.content
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert {chunk.model for chunk in chunks} == {MODEL}
    assert len({chunk.id for chunk in chunks}) == 1


def test_usage_comes_when_it_was_asked_for(client, account):
    chunks = read(client, ask("Count me."), stream_options={"include_usage": True})
    assert [chunk.usage is not None for chunk in chunks].count(True) == 1
    assert chunks[-1].choices == []
    account.assert_charged(chunks[-1].usage)


@pytest.mark.parametrize("options", [{}, {"stream_options": {"include_usage": False}}])
def test_usage_stays_away_when_it_was_not_asked_for(client, account, options):
    chunks = read(client, ask("Count me in silence."), seed=3, **options)
    assert all(chunk.usage is None and chunk.choices for chunk in chunks)
    whole = client.chat.completions.create(
        model=MODEL, messages=ask("Count me in silence."), seed=3
    )
    account.assert_charged(whole.usage, whole.usage)


def test_tools_are_streamed_piece_by_piece(client, account):
    options = {"tools": [WEATHER], "tool_choice": "required", "seed": 5}
    with client.chat.completions.stream(
        model=MODEL,
        messages=ask("What is the weather in Lisbon?"),
        stream_options={"include_usage": True},
        **options,
    ) as stream:
        for _ in stream:
            pass
        answer = stream.get_final_completion()
    wanted = answer.choices[0].message.tool_calls[0]
    assert wanted.function.name == "get_weather"
    assert "city" in wanted.function.arguments
    account.assert_charged(answer.usage)


def test_choices_of_a_stream_keep_apart(client, account):
    chunks = read(
        client,
        ask("Two of you, please."),
        n=2,
        max_completion_tokens=30,
        stream_options={"include_usage": True},
    )
    for index in (0, 1):
        own = [c.delta.content for chunk in chunks for c in chunk.choices if c.index == index]
        assert "".join(piece or "" for piece in own)
    account.assert_charged(chunks[-1].usage)


def test_a_stream_cancelled_half_way_is_charged_for_what_came(client, account):
    stream = client.chat.completions.create(
        model="sim/slow", messages=ask("Take your time."), stream=True
    )
    seen = 0
    for chunk in stream:
        seen += sum(bool(choice.delta.content) for choice in chunk.choices)
        if seen == 20:
            break
    stream.close()
    (row,) = account.settled(1)
    charged = Decimal(row["charged"])
    assert 20 * OUTPUT / MILLION <= charged < 200 * OUTPUT / MILLION + 200 * INPUT / MILLION
    account.assert_balanced([row])


def test_a_stream_whose_upstream_dies_says_so_and_costs_nothing(client, account):
    with pytest.raises(openai.APIError):
        for _ in client.chat.completions.create(
            model="sim/cut", messages=ask("Do not die."), stream=True
        ):
            pass
    rows = account.settled(1)
    assert Decimal(rows[0]["charged"]) == 0
    account.assert_balanced(rows)


def test_thirty_two_streams_at_once_are_each_whole_and_charged(async_client, account):
    async def one(number):
        stream = await async_client.chat.completions.create(
            model=MODEL,
            messages=ask(f"Stream number {number}"),
            stream=True,
            stream_options={"include_usage": True},
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
    account.assert_charged(*(chunks[-1].usage for chunks in streams))
