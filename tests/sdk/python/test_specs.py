"""What the gateway really answers, held against OpenAI's and OpenRouter's own documents."""

import pytest

import specs
from books import Account
from conftest import URL
from test_chat import DOCUMENT, FUNCTIONS, PICTURE
from test_responses import FUNCTIONS as FLAT_FUNCTIONS

JSON, EVENTS = "application/json", "text/event-stream"
BASES = {"openai": "/v1", "openrouter": "/api/v1"}
SCHEMA = {
    "name": "colour",
    "strict": True,
    "schema": {
        "type": "object",
        "properties": {"colour": {"type": "string"}},
        "required": ["colour"],
        "additionalProperties": False,
    },
}
CHATS = {
    "plain": {},
    "capped": {"max_completion_tokens": 5},
    "tools": {"tools": FUNCTIONS, "tool_choice": "required"},
    "reasoning": {"reasoning_effort": "high"},
    "schema": {"response_format": {"type": "json_schema", "json_schema": SCHEMA}},
    "parts": {
        "messages": [
            {
                "role": "user",
                "content": [{"type": "text", "text": "What is in these?"}, PICTURE, DOCUMENT],
            }
        ]
    },
}
RESPONSES = {
    "plain": {"instructions": "You are terse."},
    "capped": {"max_output_tokens": 20},
    "tools": {"tools": FLAT_FUNCTIONS, "tool_choice": "required"},
    "reasoning": {"reasoning": {"effort": "high", "summary": "auto"}},
}
MESSAGES = {
    "plain": {"system": "You are terse."},
    "tools": {
        "tools": [{"name": "now", "input_schema": {"type": "object", "properties": {}}}],
        "tool_choice": {"type": "any"},
    },
    "thinking": {"max_tokens": 4000, "thinking": {"type": "enabled", "budget_tokens": 1024}},
}


def hold(name, path, status, answer, method="post"):
    """Holds a whole answer, or each event of a stream, against what the document says of it."""
    if isinstance(answer, list):
        validator = specs.schema_of(name, method, path, status, EVENTS)
        assert answer
        for event in {specs.shape(event): event for event in answer}.values():
            # OpenRouter's document shows the frame around an event, too.
            shown = {"event": event.get("type"), "data": event} if name == "openrouter" else event
            specs.assert_valid(validator, shown)
    else:
        specs.assert_valid(specs.schema_of(name, method, path, status, JSON), answer)


def asked(account, name, path, body):
    status, answer = specs.ask(URL + BASES[name] + path, account.key, body)
    assert status == 200, answer
    hold(name, path, "200", answer)
    return answer


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("name", BASES)
@pytest.mark.parametrize("form", CHATS)
def test_chats_are_as_documented(account, model, name, stream, form):
    messages = [{"role": "user", "content": "Why tolls?"}]
    body = {"model": model, "messages": messages, "stream": stream, **CHATS[form]}
    if stream:
        body["stream_options"] = {"include_usage": True}
    asked(account, name, "/chat/completions", body)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("name", BASES)
@pytest.mark.parametrize("form", RESPONSES)
def test_responses_are_as_documented(account, model, name, stream, form):
    body = {"model": model, "input": "Why tolls?", "stream": stream, **RESPONSES[form]}
    asked(account, name, "/responses", body)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("form", MESSAGES)
def test_messages_are_as_documented(account, model, stream, form):
    messages = [{"role": "user", "content": "Why tolls?"}]
    options = {"max_tokens": 200, "messages": messages, "stream": stream, **MESSAGES[form]}
    asked(account, "openrouter", "/messages", {"model": model, **options})


def test_openais_list_of_models_is_as_documented(account, model):
    _, listed = specs.ask(f"{URL}/v1/models", account.key)
    hold("openai", "/models", "200", listed, "get")
    _, one = specs.ask(f"{URL}/v1/models/{model}", account.key)
    hold("openai", "/models/{model}", "200", one, "get")


def test_openrouters_lists_of_models_are_as_documented(account, model):
    _, listed = specs.ask(f"{URL}/api/v1/models", account.key)
    hold("openrouter", "/models", "200", listed, "get")
    _, endpoints = specs.ask(f"{URL}/api/v1/models/{model}/endpoints", account.key)
    hold("openrouter", "/models/{author}/{slug}/endpoints", "200", endpoints, "get")


def test_a_key_and_its_generations_are_as_documented(account):
    body = {"model": "o/chat", "messages": [{"role": "user", "content": "Why tolls?"}]}
    asked(account, "openrouter", "/chat/completions", body)
    (row,) = account.settled(1)
    for path, query in [("/key", ""), ("/generation", f"?id={row['id']}")]:
        status, answer = specs.ask(f"{URL}/api/v1{path}{query}", account.key)
        assert status == 200, answer
        hold("openrouter", path, "200", answer, "get")


def test_what_a_management_key_sees_is_as_documented(account):
    key = account.another_key(**{"class": "management"})
    wish = {"name": "made by a test", "limit": 1.5, "limit_reset": "monthly"}
    status, made = specs.ask(f"{URL}/api/v1/keys", key, wish)
    hold("openrouter", "/keys", str(status), made)
    digest = made["data"]["hash"]
    for path in ["/keys", "/credits", "/activity", "/byok"]:
        status, answer = specs.ask(f"{URL}/api/v1{path}", key)
        assert status == 200, answer
        hold("openrouter", path, "200", answer, "get")
    one = f"{URL}/api/v1/keys/{digest}"
    for method, body in [("GET", None), ("PATCH", {"name": "renamed"}), ("DELETE", None)]:
        status, answer = specs.ask(one, key, body, method)
        assert status == 200, answer
        hold("openrouter", "/keys/{hash}", "200", answer, method.lower())


REFUSED = {
    "401": ("sk-nobody", {}),
    "400": (None, {"model": "o/nothing"}),
    "402": ("poor", {}),
    "502": (None, {"model": "o/down"}),
}


@pytest.mark.parametrize("status", REFUSED)
@pytest.mark.parametrize("path", ["/chat/completions", "/responses", "/messages"])
@pytest.mark.parametrize("name", BASES)
def test_errors_are_as_documented(account, name, path, status):
    key, options = REFUSED[status]
    key = Account(credit="0").key if key == "poor" else key or account.key
    question = [{"role": "user", "content": "Hi"}]
    body = {"model": "o/chat", **options}
    body |= {"input": "Hi"} if path == "/responses" else {"messages": question, "max_tokens": 10}
    given, answer = specs.ask(URL + BASES[name] + path, key, body)
    assert given == int(status), answer
    if name == "openrouter":
        documented = specs.document(name)["paths"][path]["post"]["responses"]
        hold(name, path, status if status in documented else "400", answer)
    elif path == "/messages":
        assert answer["type"] == "error" and answer["error"]["type"]
    else:
        specs.assert_valid(specs.named_schema("openai", "ErrorResponse"), answer)
