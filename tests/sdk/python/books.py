"""An account of its own for each test, and what the gateway's books say about it.

The provider's own log is the truth: what it generated times the price is what must be charged, to
the last picodollar, so money is Decimal throughout.
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

# What catalog.py asks for, in USD per million tokens.
INPUT, OUTPUT, REASONING = Decimal("1.25"), Decimal("10.00"), Decimal("11.00")
CACHE_READ, CACHE_WRITE, CACHE_WRITE_1H = Decimal("0.125"), Decimal("1.5"), Decimal("2.5")


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


def truths():
    """What the provider would bill, request by request."""
    with urllib.request.urlopen(f"{SANDBOX}/truth", timeout=10) as answer:
        return [json.loads(line) for line in answer.read().splitlines()]


def seen_upstream():
    """How many requests the provider has been sent so far."""
    return len(truths())


def cost(truth):
    """What a request costs by the provider's own count."""
    written, hour = truth["cache_write"], truth.get("cache_write_1h", 0)
    total = (truth["prompt"] - truth["cached"] - written - hour) * INPUT
    total += truth["cached"] * CACHE_READ + written * CACHE_WRITE + hour * CACHE_WRITE_1H
    total += (truth["completion"] - truth["reasoning"]) * OUTPUT + truth["reasoning"] * REASONING
    return total / MILLION


def counts(truth):
    """What every dialect can say of a usage: input, of it cached and written, output, thoughts."""
    written = truth["cache_write"] + truth.get("cache_write_1h", 0)
    shown = (truth["prompt"], truth["cached"], written, truth["completion"], truth["reasoning"])
    return shown


class Account:
    """A fresh account with credit and one key."""

    def __init__(self, credit="5", **key):
        self.credit = Decimal(credit)
        self.id = admin("POST", "/accounts", {"name": "SDK test"})["id"]
        if self.credit:
            top_up = {"amount": credit, "kind": "top_up", "reference": f"first-{self.id}"}
            admin("POST", f"/accounts/{self.id}/credits", top_up)
        self.key = self.another_key(**key)

    def another_key(self, **wish):
        wish = {"name": "SDK test", "class": "live", **wish}
        return admin("POST", f"/accounts/{self.id}/keys", wish)["key"]

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
            time.sleep(0.01)

    def assert_billed(self, *usages):
        """Each answer told the provider's count (as `counts` has it), and was charged exactly that.

        None stands for an answer that told no usage.
        """
        rows = self.settled(len(usages))
        made = {truth["id"]: truth for truth in truths()}
        own = [made[row["upstream_id"]] for row in rows]
        for row, truth in zip(rows, own):
            assert truth["outcome"] == "finished"
            assert row["usage_source"] == "reported"
            assert Decimal(row["charged"]) == cost(truth), (row, truth)
        told = [tuple(usage) for usage in usages if usage is not None]
        true = [counts(truth) for truth in own]
        if len(told) == len(true):
            assert sorted(told) == sorted(true)
        else:
            assert set(told) <= set(true)
        self.assert_balanced(rows)
        return own

    def assert_balanced(self, rows):
        books = self.books()
        spent = sum((Decimal(row["charged"]) for row in rows), Decimal(0))
        assert Decimal(books["spent"]) == spent
        assert Decimal(books["balance"]) == Decimal(books["available"]) == self.credit - spent

    def assert_cut_short(self, least):
        """One answer was left half way: it ended upstream, and what had come was charged."""
        (row,) = self.settled(1)
        charged = Decimal(row["charged"])
        made = self.truth_of(row)
        assert least <= made["completion"] < 450
        assert least * OUTPUT <= charged * MILLION <= 200 * INPUT + made["completion"] * OUTPUT
        assert row["outcome"] == "client_gone"
        self.assert_balanced([row])

    def truth_of(self, row):
        """The truth of a request that was left; it ends when the provider notices."""
        deadline = time.monotonic() + SETTLE_SECONDS
        while True:
            (made,) = [truth for truth in truths() if truth["id"] == row["upstream_id"]]
            if made["outcome"] != "running":
                assert made["outcome"] == "aborted"
                return made
            assert time.monotonic() < deadline, made
            time.sleep(0.01)
