// Refusals: each SDK throws the class that it documents, retries what is worth it, and no more.

import assert from 'node:assert/strict';

import Anthropic from '@anthropic-ai/sdk';
import { ApiError } from '@google/genai';
import OpenAI from 'openai';

import { Account, pico } from './account.mjs';
import { alone, counted, each, thrown } from './matrix.mjs';

const messages = [{ role: 'user', content: 'Hello?' }];
const chat = (client, model = 'o/chat') => client.chat.completions.create({ model, messages });
const message = (client, model = 'o/chat') =>
  client.messages.create({ model, messages, max_tokens: 100 });
const generate = (client, model = 'o/chat') =>
  client.models.generateContent({ model, contents: 'Hello?' });

/** An account whose key nobody knows. */
const stranger = () => Object.assign(new Account(), { key: 'sk-nobody' });

async function unpaid(account) {
  const books = await account.books();
  assert.deepEqual([pico(books.spent), pico(books.held)], [0n, 0n]);
}

alone('OpenAI: an unknown key is an authentication error', async () => {
  const error = await thrown(chat(stranger().openai()), OpenAI.AuthenticationError);
  assert.equal(error.code, 'invalid_api_key');
});

alone('OpenAI: an unknown model is a bad request', async (account) => {
  const error = await thrown(chat(account.openai(), 'o/nothing'), OpenAI.BadRequestError);
  assert.equal(error.code, 'model_not_found');
});

each('OpenAI: no money is said once and not retried', async (account, model) => {
  const { statuses, fetch } = counted();
  const poor = (await Account.open({ credit: '0' })).openai({ maxRetries: 2, fetch });
  const error = await thrown(chat(poor, model), OpenAI.APIError);
  assert.deepEqual([error.status, error.code], [402, 'insufficient_credits']);
  assert.deepEqual(statuses, [402]);
});

alone('OpenAI: a rate limit is a rate limit error with its headers', async () => {
  const client = (await Account.open({ rpm: 1 })).openai();
  await chat(client);
  const error = await thrown(chat(client), OpenAI.RateLimitError);
  assert.equal(error.code, 'rate_limit_exceeded');
  assert.equal(error.headers.get('x-ratelimit-remaining'), '0');
  assert.ok(Number(error.headers.get('retry-after')) >= 1);
});

each('OpenAI: an upstream that is down is retried', async (account, model, letter) => {
  const { statuses, fetch } = counted();
  const client = account.openai({ maxRetries: 1, fetch });
  await thrown(chat(client, `${letter}/down`), OpenAI.InternalServerError);
  assert.equal(statuses.length, 2);
  await unpaid(account);
});

alone('Anthropic: an unknown key is an authentication error', async () => {
  const error = await thrown(message(stranger().anthropic()), Anthropic.AuthenticationError);
  assert.equal(error.error.error.type, 'authentication_error');
  assert.equal(error.error.request_id, error.requestID);
});

each('Anthropic: no money is said once and not retried', async (account, model) => {
  const { statuses, fetch } = counted();
  const poor = (await Account.open({ credit: '0' })).anthropic({ maxRetries: 2, fetch });
  const error = await thrown(message(poor, model), Anthropic.APIError);
  assert.deepEqual([error.status, error.error.error.type], [402, 'billing_error']);
  assert.deepEqual(statuses, [402]);
});

alone('Anthropic: a rate limit is a rate limit error', async () => {
  const client = (await Account.open({ rpm: 1 })).anthropic();
  await message(client);
  const error = await thrown(message(client), Anthropic.RateLimitError);
  assert.equal(error.error.error.type, 'rate_limit_error');
});

each('Anthropic: an upstream that is down is retried', async (account, model, letter) => {
  const { statuses, fetch } = counted();
  const client = account.anthropic({ maxRetries: 1, fetch });
  await thrown(message(client, `${letter}/down`), Anthropic.InternalServerError);
  assert.equal(statuses.length, 2);
  await unpaid(account);
});

alone('Google: an unknown key is unauthenticated', async () => {
  const error = await thrown(generate(stranger().gemini()), ApiError);
  assert.equal(error.status, 401);
  assert.ok(error.message.includes('UNAUTHENTICATED'));
});

each('Google: no money is a 402', async (account, model) => {
  const poor = (await Account.open({ credit: '0' })).gemini();
  assert.equal((await thrown(generate(poor, model), ApiError)).status, 402);
});

alone('Google: a rate limit is a 429', async () => {
  const client = (await Account.open({ rpm: 1 })).gemini();
  await generate(client);
  const error = await thrown(generate(client), ApiError);
  assert.equal(error.status, 429);
  assert.ok(error.message.includes('RESOURCE_EXHAUSTED'));
});

each('Google: an upstream that is down is a 5xx', async (account, model, letter) => {
  const error = await thrown(generate(account.gemini(), `${letter}/down`), ApiError);
  assert.ok([502, 503].includes(error.status), `${error.status}`);
  await unpaid(account);
});
