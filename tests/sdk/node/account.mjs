// An account of its own for each test, and what the gateway's books say about it.
// Money is counted in whole picodollars (BigInt): a charge is right to the last one or wrong.

import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';

import OpenAI from 'openai';

const { TOLLGATE_URL, TOLLGATE_ADMIN, TOLLGATE_ADMIN_TOKEN } = process.env;
assert.ok(TOLLGATE_URL, 'no gateway: run these through tests/sdk/stack.py');

export const MODEL = 'sim/chat';
const SETTLE_MS = 5_000;

// What tests/sdk/catalog.toml asks for, in picodollars per token.
const INPUT = 1_250_000n;
const OUTPUT = 10_000_000n;
const CACHE_READ = 125_000n;

export const ask = (content) => [{ role: 'user', content }];

export async function admin(method, path, body) {
  const answer = await fetch(`${TOLLGATE_ADMIN}/admin/v1${path}`, {
    method,
    headers: {
      authorization: `Bearer ${TOLLGATE_ADMIN_TOKEN}`,
      'content-type': 'application/json',
    },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const text = await answer.text();
  assert.ok(answer.ok, `${method} ${path}: ${answer.status} ${text}`);
  return JSON.parse(text);
}

/** A decimal string as picodollars. */
export function pico(text) {
  const [, sign, whole, fraction = ''] = /^(-?)(\d+)(?:\.(\d{1,12}))?$/.exec(text);
  const amount = BigInt(whole + fraction.padEnd(12, '0'));
  return sign ? -amount : amount;
}

/** What a usage costs as the SDK shows it. */
export function cost(usage) {
  const cached = BigInt(usage.prompt_tokens_details?.cached_tokens ?? 0);
  const uncached = BigInt(usage.prompt_tokens) - cached;
  return uncached * INPUT + cached * CACHE_READ + BigInt(usage.completion_tokens) * OUTPUT;
}

export class Account {
  static async open({ credit = '5', ...key } = {}) {
    const account = new Account();
    account.credit = pico(credit);
    account.id = (await admin('POST', '/accounts', { name: 'SDK test' })).id;
    if (account.credit > 0n) {
      const reference = `first-${account.id}`;
      const topUp = { amount: credit, kind: 'top_up', reference };
      await admin('POST', `/accounts/${account.id}/credits`, topUp);
    }
    const wish = { name: 'SDK test', class: 'live', ...key };
    account.key = (await admin('POST', `/accounts/${account.id}/keys`, wish)).key;
    return account;
  }

  /** The official client; retries are off unless a test asks for them. */
  client(options = {}) {
    return connect(this.key, options);
  }

  books() {
    return admin('GET', `/accounts/${this.id}`);
  }

  /** The generations, once `count` are there and nothing is held any more. */
  async settled(count) {
    const deadline = Date.now() + SETTLE_MS;
    for (;;) {
      const rows = (await admin('GET', `/accounts/${this.id}/generations?limit=200`)).data;
      const books = await this.books();
      if (rows.length === count && pico(books.held) === 0n) return rows;
      assert.ok(Date.now() < deadline, `${rows.length} of ${count}: ${JSON.stringify(books)}`);
      await pause(50);
    }
  }

  /** Each answer was charged its usage times the price, and the balance agrees. */
  async assertCharged(...usages) {
    const rows = await this.settled(usages.length);
    const ascending = (left, right) => (left < right ? -1 : left > right ? 1 : 0);
    const charged = rows.map((row) => pico(row.charged)).sort(ascending);
    assert.deepEqual(charged, usages.map(cost).sort(ascending));
    await this.assertBalanced(rows);
  }

  async assertBalanced(rows) {
    const books = await this.books();
    const spent = rows.reduce((sum, row) => sum + pico(row.charged), 0n);
    assert.equal(pico(books.spent), spent);
    assert.equal(pico(books.balance), this.credit - spent);
    assert.equal(pico(books.available), this.credit - spent);
  }
}

export function connect(apiKey, options = {}) {
  const base = { baseURL: `${TOLLGATE_URL}/v1`, apiKey, maxRetries: 0, timeout: 30_000 };
  return new OpenAI({ ...base, ...options });
}
