"""Google's SDK on every provider; each charged exactly."""

import asyncio
from decimal import Decimal

import pytest
from google.genai import errors, types

from content import PDF, PDF_TOKENS, PIXEL, PIXEL_TOKENS, SCRIPTS, TOOLS, City

DECLARED = [
    types.FunctionDeclaration(name=name, description=text, parameters_json_schema=schema)
    for name, text, schema in TOOLS
]
FUNCTIONS = [types.Tool(function_declarations=DECLARED)]
ANY = types.ToolConfig(function_calling_config=types.FunctionCallingConfig(mode="ANY"))
BY_HAND = types.AutomaticFunctionCallingConfig(disable=True)
THINKING = types.ThinkingConfig(include_thoughts=True, thinking_budget=1024)


def told(usage):
    """A usage in the order of `books.counts`."""
    prompt = usage.prompt_token_count + (usage.tool_use_prompt_token_count or 0)
    thought = usage.thoughts_token_count or 0
    completion = (usage.candidates_token_count or 0) + thought
    assert usage.total_token_count == prompt + completion
    return prompt, usage.cached_content_token_count or 0, 0, completion, thought


def call(gemini, model, contents="Why is the sky blue?", **config):
    return gemini.models.generate_content(
        model=model, contents=contents, config=types.GenerateContentConfig(**config)
    )


def stream(gemini, model, contents="Why is the sky blue?", **config):
    return gemini.models.generate_content_stream(
        model=model, contents=contents, config=types.GenerateContentConfig(**config)
    )


def user(*parts):
    return types.Content(role="user", parts=list(parts))


def test_contents_are_answered_and_charged(gemini, account, model):
    answer = call(gemini, model, system_instruction="You are terse.")
    assert answer.model_version == model
    assert answer.response_id
    assert answer.candidates[0].finish_reason == types.FinishReason.STOP
    assert answer.candidates[0].content.role == "model"
    assert "Why is the sky blue?" in answer.text
    account.assert_billed(told(answer.usage_metadata))


def test_an_answer_names_its_generation(gemini, account, model):
    answer = call(gemini, model, max_output_tokens=10)
    (row,) = account.settled(1)
    assert answer.sdk_http_response.headers["x-generation-id"] == row["id"]


def test_cached_tokens_are_charged_at_their_own_price(gemini, account, upstream):
    answer = call(gemini, f"{upstream}/cached", "Again? " * 40)
    assert answer.usage_metadata.cached_content_token_count > 0
    account.assert_billed(told(answer.usage_metadata))


def test_a_limit_on_tokens_is_kept(gemini, account, model):
    answer = call(gemini, model, "Everything about tolls.", max_output_tokens=5)
    assert answer.candidates[0].finish_reason == types.FinishReason.MAX_TOKENS
    assert answer.usage_metadata.candidates_token_count == 5
    account.assert_billed(told(answer.usage_metadata))


def test_a_stop_sequence_ends_the_answer(gemini, account, model):
    answer = call(gemini, model, "Say pebble and stop.", stop_sequences=["pebble"])
    assert answer.candidates[0].finish_reason == types.FinishReason.STOP
    assert "pebble" not in answer.text
    account.assert_billed(told(answer.usage_metadata))


def test_parallel_tools_are_called_and_their_results_fed_back(gemini, account, model):
    tools = {"tools": FUNCTIONS, "automatic_function_calling": BY_HAND}
    first = call(gemini, model, "Lisbon?", tool_config=ANY, **tools)
    calls = first.function_calls
    assert [wanted.name for wanted in calls] == ["get_weather", "get_time"]
    assert all("city" in wanted.args for wanted in calls)
    results = [
        types.Part(
            function_response=types.FunctionResponse(
                id=wanted.id, name=wanted.name, response={"result": result}
            )
        )
        for wanted, result in zip(calls, ["18 degrees", "half past ten"])
    ]
    question = user(types.Part(text="Lisbon?"))
    turns = [question, first.candidates[0].content, user(*results)]
    second = call(gemini, model, turns, **tools)
    assert "half past ten" in second.text
    account.assert_billed(told(first.usage_metadata), told(second.usage_metadata))


def test_python_functions_are_called_by_the_sdk_itself(gemini, account, model):
    asked = []

    def get_weather(city: str) -> str:
        """The weather in a city."""
        asked.append(city)
        return "18 degrees"

    answer = call(gemini, model, "Lisbon?", tools=[get_weather])
    assert len(asked) == 1
    assert "18 degrees" in answer.text
    account.assert_billed(None, told(answer.usage_metadata))


def test_a_json_schema_is_parsed_into_its_type(gemini, account, model):
    shape = {"response_mime_type": "application/json", "response_schema": City}
    answer = call(gemini, model, "About Lisbon.", **shape)
    assert isinstance(answer.parsed, City)
    account.assert_billed(told(answer.usage_metadata))


def test_a_plain_json_schema_is_followed(gemini, account, model):
    schema = City.model_json_schema()
    shape = {"response_mime_type": "application/json", "response_json_schema": schema}
    answer = call(gemini, model, "About Lisbon.", **shape)
    City.model_validate_json(answer.text)
    account.assert_billed(told(answer.usage_metadata))


@pytest.mark.parametrize(
    "bytes, kind, tokens",
    [(PIXEL, "image/png", PIXEL_TOKENS), (PDF, "application/pdf", PDF_TOKENS)],
)
def test_pictures_and_documents_are_content(gemini, account, model, bytes, kind, tokens):
    part = types.Part.from_bytes(data=bytes, mime_type=kind)
    answer = call(gemini, model, [part, "What is in this?"])
    assert answer.usage_metadata.prompt_token_count >= tokens
    assert "What is in this?" in answer.text
    account.assert_billed(told(answer.usage_metadata))


def test_thoughts_are_shown_counted_and_charged(gemini, account, model):
    answer = call(gemini, model, thinking_config=THINKING)
    thoughts = [bool(part.thought) for part in answer.candidates[0].content.parts]
    assert thoughts[0] and not thoughts[-1]
    assert answer.usage_metadata.thoughts_token_count > 0
    account.assert_billed(told(answer.usage_metadata))


@pytest.mark.parametrize("name", ["o/chat", "a/claude-sonnet-4-6", "g/gemini-3-pro-preview"])
def test_thoughts_are_proven_in_the_next_turn(gemini, account, name):
    chat = gemini.chats.create(
        model=name,
        config=types.GenerateContentConfig(
            tools=FUNCTIONS,
            automatic_function_calling=BY_HAND,
            thinking_config=types.ThinkingConfig(thinking_level="LOW"),
        ),
    )
    first = chat.send_message("Lisbon?")
    (wanted,) = first.function_calls
    answer = types.FunctionResponse(id=wanted.id, name=wanted.name, response={"result": "18"})
    second = chat.send_message(types.Part(function_response=answer))
    assert "18" in second.text
    account.assert_billed(told(first.usage_metadata), told(second.usage_metadata))


def test_every_script_survives_the_way_there_and_back(gemini, account, model):
    answer = call(gemini, model, SCRIPTS)
    assert "naïve 東京 🙂" in answer.text
    account.assert_billed(told(answer.usage_metadata))


def test_tokens_are_counted_before_anything_is_asked(gemini, account, model):
    question = "How many tokens is this? " * 20
    counted = gemini.models.count_tokens(model=model, contents=question)
    answer = call(gemini, model, question, max_output_tokens=5)
    (made,) = account.assert_billed(told(answer.usage_metadata))
    if model.startswith("o/"):
        assert 0 < counted.total_tokens <= 2 * made["prompt"]
    else:
        assert counted.total_tokens == made["prompt"]


def test_models_are_listed(gemini, model):
    assert f"models/{model}" in {listed.name for listed in gemini.models.list()}


def test_a_stream_tells_the_answer_piece_by_piece(gemini, account, model):
    pieces = list(stream(gemini, model, "Why tolls?"))
    assert len(pieces) > 5
    assert "Why tolls?" in "".join(piece.text or "" for piece in pieces)
    finishes = [piece.candidates[0].finish_reason for piece in pieces if piece.candidates]
    assert [finish for finish in finishes if finish] == [types.FinishReason.STOP]
    assert {piece.model_version for piece in pieces} == {model}
    account.assert_billed(told(pieces[-1].usage_metadata))


def test_parallel_tools_are_streamed(gemini, account, model):
    tools = {"tools": FUNCTIONS, "tool_config": ANY, "automatic_function_calling": BY_HAND}
    pieces = list(stream(gemini, model, "Lisbon?", **tools))
    calls = [wanted for piece in pieces for wanted in piece.function_calls or []]
    assert [wanted.name for wanted in calls] == ["get_weather", "get_time"]
    assert all("city" in wanted.args for wanted in calls)
    account.assert_billed(told(pieces[-1].usage_metadata))


def test_a_stream_left_half_way_ends_upstream_and_is_charged(gemini, account, upstream):
    pieces = stream(gemini, f"{upstream}/slow", "Take your time.")
    for seen, _ in enumerate(pieces, 1):
        if seen == 12:
            break
    pieces.close()
    account.assert_cut_short(10)


def test_a_stream_whose_upstream_dies_says_so_and_costs_nothing(gemini, account, upstream):
    with pytest.raises(errors.APIError):
        for _ in stream(gemini, f"{upstream}/cut", "Do not die."):
            pass
    rows = account.settled(1)
    assert Decimal(rows[0]["charged"]) == 0
    account.assert_balanced(rows)


def test_several_streams_at_once_are_each_whole_and_charged(gemini, account, model):
    async def one(number):
        pieces = await gemini.aio.models.generate_content_stream(
            model=model, contents=f"Stream number {number}"
        )
        return [piece async for piece in pieces]

    async def all_of_them():
        try:
            return await asyncio.gather(*(one(number) for number in range(8)))
        finally:
            await gemini.aio.aclose()

    streams = asyncio.run(all_of_them())
    for number, pieces in enumerate(streams):
        assert f"Stream number {number}" in "".join(piece.text or "" for piece in pieces)
    account.assert_billed(*(told(pieces[-1].usage_metadata) for pieces in streams))
