"""The clients under test: the official packages, unmodified, pointed at the gateway.

A test that takes `model` runs once for each dialect that a provider may speak.
"""

import os
import sys

import anthropic
import httpx
import openai
import openrouter
import pytest
from google import genai
from openrouter.utils import RetryConfig

sys.path.insert(0, os.path.dirname(__file__))

from books import Account  # noqa: E402

URL = os.environ.get("TOLLGATE_URL", "")


def pytest_configure(config):
    if not URL:
        pytest.exit("no gateway: run these through tests/sdk/stack.py", returncode=2)


@pytest.fixture(params=["o", "a", "g"])
def upstream(request):
    """The dialect that the provider speaks: OpenAI's, Anthropic's or Gemini's."""
    return request.param


@pytest.fixture
def model(upstream):
    return f"{upstream}/chat"


@pytest.fixture
def account():
    return Account()


class Attempts:
    """Counts the answers that reach a client, retries included."""

    def __init__(self):
        self.statuses = []
        self.hooks = {"response": [lambda answer: self.statuses.append(answer.status_code)]}


@pytest.fixture
def attempts():
    return Attempts()


class Connect:
    """Makes clients for a key; retries are off unless a test asks for them.

    OpenAI's and Anthropic's share one connection pool each: making one costs more than a test.
    """

    def __init__(self):
        self.clients = []
        common = {"api_key": "sk-nobody", "max_retries": 0, "timeout": 30}
        self.any_openai = self.kept(openai.OpenAI(base_url=URL + "/v1", **common))
        self.any_anthropic = self.kept(anthropic.Anthropic(base_url=URL, **common))

    def kept(self, client):
        self.clients.append(client)
        return client

    def openai(self, key, hooks=None, **options):
        if hooks:
            options["http_client"] = self.kept(openai.DefaultHttpxClient(event_hooks=hooks))
        return self.any_openai.with_options(api_key=key, **options)

    def anthropic(self, key, hooks=None, **options):
        if hooks:
            options["http_client"] = self.kept(anthropic.DefaultHttpxClient(event_hooks=hooks))
        return self.any_anthropic.with_options(api_key=key, **options)

    def gemini(self, key, hooks=None, **options):
        options = {"base_url": URL, "timeout": 30_000, **options}
        if hooks:
            options["client_args"] = {"event_hooks": hooks}
        return self.kept(genai.Client(api_key=key, http_options=options))

    def openrouter(self, key, hooks=None):
        http = self.kept(httpx.Client(timeout=30, event_hooks=hooks or {}))
        once = RetryConfig("none", None, retry_connection_errors=False)
        return openrouter.OpenRouter(
            api_key=key, server_url=URL + "/api/v1", client=http, retry_config=once
        )


@pytest.fixture(scope="session")
def connect():
    made = Connect()
    yield made
    for client in made.clients:
        client.close()


@pytest.fixture
def client(account, connect):
    """OpenAI's client, of the test's account."""
    return connect.openai(account.key)


@pytest.fixture
def claude(account, connect):
    """Anthropic's client, of the test's account."""
    return connect.anthropic(account.key)


@pytest.fixture
def gemini(account, connect):
    """Google's client, of the test's account."""
    return connect.gemini(account.key)


@pytest.fixture
def router(account, connect):
    """OpenRouter's client, of the test's account."""
    return connect.openrouter(account.key)


@pytest.fixture
def async_client(account):
    return openai.AsyncOpenAI(base_url=URL + "/v1", api_key=account.key, max_retries=0, timeout=60)
