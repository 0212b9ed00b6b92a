// Refusals: the SDK throws the class that it documents, retries what is worth it, and no more.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import OpenAI from 'openai';

import { Account, MODEL, ask, connect, pico } from './account.mjs';

const call = (client, options = {}) =>
  client.chat.completions.create({ model: MODEL, messages: ask('Hello?'), ...options });

/** A client that counts the answers that reach it, retries included. */
function counting(account, maxRetries) {
  const statuses = [];
  const counted = async (...request) => {
    const answer = await fetch(...request);
    statuses.push(answer.status);
    return answer;
  };
  return { client: account.client({ maxRetries, fetch: counted }), statuses };
}

async function refused(promise, type, status, code) {
  const error = await promise.then(
    () => assert.fail('was answered'),
    (thrown) => thrown,
  );
  assert.ok(error instanceof type, `${error}`);
  assert.equal(error.status, status);
  assert.equal(error.code, code);
  return error;
}

test('an unknown key is an authentication error', async () => {
  const promise = call(connect('sk-nobody'));
  await refused(promise, OpenAI.AuthenticationError, 401, 'invalid_api_key');
});

test('an unknown model is a bad request', async () => {
  const promise = call((await Account.open()).client(), { model: 'sim/nothing' });
  await refused(promise, OpenAI.BadRequestError, 400, 'model_not_found');
});

test('no money is said once and not retried', async () => {
  const { client, statuses } = counting(await Account.open({ credit: '0' }), 2);
  await refused(call(client), OpenAI.APIError, 402, 'insufficient_credits');
  assert.deepEqual(statuses, [402]);
});

test('a rate limit is a rate limit error with its headers', async () => {
  const client = (await Account.open({ rpm: 1 })).client();
  await call(client);
  const error = await refused(call(client), OpenAI.RateLimitError, 429, 'rate_limit_exceeded');
  assert.equal(error.headers.get('x-ratelimit-limit'), '1');
  assert.equal(error.headers.get('x-ratelimit-remaining'), '0');
  assert.ok(Number(error.headers.get('retry-after')) >= 1);
});

test('an upstream that is down is retried and costs nothing', async () => {
  const account = await Account.open();
  const { client, statuses } = counting(account, 1);
  await assert.rejects(call(client, { model: 'sim/down' }), OpenAI.InternalServerError);
  assert.equal(statuses.length, 2);
  const books = await account.books();
  assert.equal(pico(books.spent), 0n);
  assert.equal(pico(books.held), 0n);
});
