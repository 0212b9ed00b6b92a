"""The clients under test: the official package, unmodified, pointed at the gateway."""

import os
import sys

import openai
import pytest

sys.path.insert(0, os.path.dirname(__file__))

from books import Account  # noqa: E402

BASE_URL = os.environ.get("TOLLGATE_URL", "") + "/v1"


def pytest_configure(config):
    if not os.environ.get("TOLLGATE_URL"):
        pytest.exit("no gateway: run these through tests/sdk/stack.py", returncode=2)


@pytest.fixture
def account():
    return Account()


@pytest.fixture
def connect():
    """Makes a client for a key; retries are off unless a test asks for them."""
    clients = []

    def make(key, **options):
        options = {"max_retries": 0, "timeout": 30, **options}
        clients.append(openai.OpenAI(base_url=BASE_URL, api_key=key, **options))
        return clients[-1]

    yield make
    for client in clients:
        client.close()


@pytest.fixture
def client(account, connect):
    return connect(account.key)


class Attempts:
    """Counts the answers that reach a client, retries included."""

    def __init__(self):
        self.statuses = []

    def options(self):
        hooks = {"response": [lambda answer: self.statuses.append(answer.status_code)]}
        return {"http_client": openai.DefaultHttpxClient(event_hooks=hooks)}


@pytest.fixture
def attempts():
    return Attempts()


@pytest.fixture
def async_client(account):
    return openai.AsyncOpenAI(base_url=BASE_URL, api_key=account.key, max_retries=0, timeout=60)
