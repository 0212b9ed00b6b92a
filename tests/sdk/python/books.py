"""An account of its own for each test, and what the gateway's books say about it.

Money is Decimal throughout: a charge is right to the last picodollar or it is wrong.
"""

import json
import os
import time
import urllib.error
import urllib.request
from decimal import Decimal

ADMIN = os.environ.get("TOLLGATE_ADMIN", "")
TOKEN = os.environ.get("TOLLGATE_ADMIN_TOKEN", "")
SANDBOX = os.environ.get("TOLLGATE_SANDBOX", "")
MILLION = Decimal(1_000_000)
SETTLE_SECONDS = 5

# What tests/sdk/catalog.toml asks for, in USD per million tokens.
INPUT, OUTPUT, CACHE_READ = Decimal("1.25"), Decimal("10.00"), Decimal("0.125")


def admin(method, path, body=None):
    """One call of the admin API; the answer's JSON, if it has any."""
    request = urllib.request.Request(
        f"{ADMIN}/admin/v1{path}",
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            text = answer.read()
            return json.loads(text) if text else None
    except urllib.error.HTTPError as error:
        raise AssertionError(f"{method} {path}: {error.code} {error.read().decode()}") from None


def seen_upstream():
    """How many requests the provider has been sent so far."""
    with urllib.request.urlopen(f"{SANDBOX}/truth", timeout=10) as answer:
        return len(answer.read().splitlines())


def cost(usage):
    """What a usage costs as the SDK shows it."""
    cached = 0
    if usage.prompt_tokens_details and usage.prompt_tokens_details.cached_tokens:
        cached = usage.prompt_tokens_details.cached_tokens
    uncached = usage.prompt_tokens - cached
    total = uncached * INPUT + cached * CACHE_READ + usage.completion_tokens * OUTPUT
    return total / MILLION


class Account:
    """A fresh account with credit and one key."""

    def __init__(self, credit="5", **key):
        self.credit = Decimal(credit)
        self.id = admin("POST", "/accounts", {"name": "SDK test"})["id"]
        if self.credit:
            top_up = {"amount": credit, "kind": "top_up", "reference": f"first-{self.id}"}
            admin("POST", f"/accounts/{self.id}/credits", top_up)
        wish = {"name": "SDK test", "class": "live", **key}
        self.key = admin("POST", f"/accounts/{self.id}/keys", wish)["key"]

    def books(self):
        return admin("GET", f"/accounts/{self.id}")

    def generations(self):
        return admin("GET", f"/accounts/{self.id}/generations?limit=200")["data"]

    def settled(self, count):
        """The generations, once `count` are there and nothing is held any more."""
        deadline = time.monotonic() + SETTLE_SECONDS
        while True:
            rows, books = self.generations(), self.books()
            if len(rows) == count and Decimal(books["held"]) == 0:
                return rows
            assert time.monotonic() < deadline, f"{len(rows)} of {count}: {books}"
            time.sleep(0.05)

    def assert_charged(self, *usages):
        """Each answer was charged its usage times the price, and the balance agrees."""
        rows = self.settled(len(usages))
        expected = sorted(cost(usage) for usage in usages)
        assert sorted(Decimal(row["charged"]) for row in rows) == expected
        self.assert_balanced(rows)

    def assert_balanced(self, rows):
        books = self.books()
        spent = sum((Decimal(row["charged"]) for row in rows), Decimal(0))
        assert Decimal(books["spent"]) == spent
        assert Decimal(books["balance"]) == Decimal(books["available"]) == self.credit - spent
