// An account of its own for each test, and what the gateway's books say about it.
// The provider's own log is the truth: what it generated times the price is what must be charged,
// in whole picodollars (BigInt).

import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';

import Anthropic from '@anthropic-ai/sdk';
import { GoogleGenAI } from '@google/genai';
import OpenAI from 'openai';

const { TOLLGATE_URL, TOLLGATE_ADMIN, TOLLGATE_ADMIN_TOKEN, TOLLGATE_SANDBOX } = process.env;
assert.ok(TOLLGATE_URL, 'no gateway: run these through tests/sdk/stack.py');

/** Where OpenRouter's SDKs look. */
export const ROUTER_URL = `${TOLLGATE_URL}/api/v1`;
const SETTLE_MS = 5_000;

// What catalog.py asks for, in picodollars per token.
const INPUT = 1_250_000n;
const OUTPUT = 10_000_000n;
const REASONING = 11_000_000n;
const CACHE_READ = 125_000n;
const CACHE_WRITE = 1_500_000n;
const CACHE_WRITE_1H = 2_500_000n;

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

/** What the provider would bill, by the id of each answer. */
async function truths() {
  const text = await (await fetch(`${TOLLGATE_SANDBOX}/truth`)).text();
  const lines = text.split('\n').filter(Boolean).map((line) => JSON.parse(line));
  return new Map(lines.map((truth) => [truth.id, truth]));
}

/** A decimal string as picodollars. */
export function pico(text) {
  const [, sign, whole, fraction = ''] = /^(-?)(\d+)(?:\.(\d{1,12}))?$/.exec(text);
  const amount = BigInt(whole + fraction.padEnd(12, '0'));
  return sign ? -amount : amount;
}

/** What a request costs by the provider's own count. */
function cost(truth) {
  const { prompt, cached, cache_write, cache_write_1h = 0, completion, reasoning } = truth;
  const plain = BigInt(prompt - cached - cache_write - cache_write_1h) * INPUT;
  const written = BigInt(cache_write) * CACHE_WRITE + BigInt(cache_write_1h) * CACHE_WRITE_1H;
  const output = BigInt(completion - reasoning) * OUTPUT + BigInt(reasoning) * REASONING;
  return plain + BigInt(cached) * CACHE_READ + written + output;
}

/** What every dialect can say of a usage: input, of it cached, output, thoughts. */
const counts = ({ prompt, cached, completion, reasoning }) => [
  prompt,
  cached,
  completion,
  reasoning,
];

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

  /** OpenAI's client; retries are off unless a test asks for them, here and below. */
  openai(options = {}) {
    const base = { baseURL: `${TOLLGATE_URL}/v1`, maxRetries: 0, timeout: 30_000 };
    return new OpenAI({ ...base, apiKey: this.key, ...options });
  }

  /** Anthropic's client. */
  anthropic(options = {}) {
    const base = { baseURL: TOLLGATE_URL, maxRetries: 0, timeout: 30_000 };
    return new Anthropic({ ...base, apiKey: this.key, ...options });
  }

  /** Google's client. */
  gemini(options = {}) {
    const httpOptions = { baseUrl: TOLLGATE_URL, timeout: 30_000, ...options };
    return new GoogleGenAI({ apiKey: this.key, httpOptions });
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
      await pause(10);
    }
  }

  /**
   * Each answer told the provider's count (as `counts` has it), and was charged exactly that.
   * Null stands for an answer that told no usage.
   */
  async assertBilled(...usages) {
    const rows = await this.settled(usages.length);
    const made = await truths();
    const own = rows.map((row) => made.get(row.upstream_id));
    rows.forEach((row, index) => {
      assert.equal(own[index]?.outcome, 'finished');
      assert.equal(row.usage_source, 'reported');
      assert.equal(pico(row.charged), cost(own[index]));
    });
    const real = own.map((truth) => counts(truth).join());
    const told = usages.filter(Boolean).map((usage) => usage.join());
    if (told.length === real.length) assert.deepEqual(told.sort(), real.sort());
    else assert.ok(told.every((usage) => real.includes(usage)));
    await this.assertBalanced(rows);
    return own;
  }

  /** One answer was left half way: it ended upstream, and what had come was charged. */
  async assertCutShort(least) {
    const rows = await this.settled(1);
    const deadline = Date.now() + SETTLE_MS;
    let truth;
    do {
      assert.ok(Date.now() < deadline, JSON.stringify(truth));
      await pause(10);
      truth = (await truths()).get(rows[0].upstream_id);
    } while (truth.outcome === 'running');
    assert.equal(truth.outcome, 'aborted');
    assert.equal(rows[0].outcome, 'client_gone');
    assert.ok(truth.completion >= least && truth.completion < 450, `${truth.completion}`);
    const charged = pico(rows[0].charged);
    const most = 200n * INPUT + BigInt(truth.completion) * OUTPUT;
    assert.ok(charged >= BigInt(least) * OUTPUT && charged <= most, `${charged}`);
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
