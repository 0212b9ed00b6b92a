// Streams: whole, with and without usage, cancelled, and many at once; each charged exactly.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Account, MODEL, ask, pico } from './account.mjs';

const WEATHER_TOOL = {
  type: 'function',
  function: {
    name: 'get_weather',
    parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
  },
};
const USAGE = { stream_options: { include_usage: true } };

async function read(client, options) {
  const chunks = [];
  const body = { model: MODEL, stream: true, ...options };
  for await (const chunk of await client.chat.completions.create(body)) chunks.push(chunk);
  return chunks;
}

const textOf = (chunks) =>
  chunks.flatMap((chunk) => chunk.choices.map((choice) => choice.delta.content ?? '')).join('');

test('a stream says what the whole answer says', async () => {
  const client = (await Account.open()).client();
  const question = { messages: ask('Why tolls?'), seed: 7 };
  const whole = await client.chat.completions.create({ model: MODEL, ...question });
  const chunks = await read(client, question);
  assert.equal(textOf(chunks), whole.choices[0].message.content);
  assert.equal(chunks.at(-1).choices[0].finish_reason, 'stop');
});

test('usage comes when it was asked for', async () => {
  const account = await Account.open();
  const chunks = await read(account.client(), { messages: ask('Count me.'), ...USAGE });
  assert.equal(chunks.filter((chunk) => chunk.usage).length, 1);
  assert.deepEqual(chunks.at(-1).choices, []);
  await account.assertCharged(chunks.at(-1).usage);
});

test('usage stays away when it was not asked for', async () => {
  const account = await Account.open();
  const question = { messages: ask('Count me in silence.'), seed: 3 };
  const chunks = await read(account.client(), question);
  assert.ok(chunks.every((chunk) => !chunk.usage && chunk.choices.length > 0));
  const body = { model: MODEL, ...question };
  const whole = await account.client().chat.completions.create(body);
  await account.assertCharged(whole.usage, whole.usage);
});

test('tools are streamed piece by piece', async () => {
  const account = await Account.open();
  const stream = account.client().chat.completions.stream({
    model: MODEL,
    messages: ask('What is the weather in Lisbon?'),
    tools: [WEATHER_TOOL],
    tool_choice: 'required',
    ...USAGE,
  });
  const answer = await stream.finalChatCompletion();
  const [wanted] = answer.choices[0].message.tool_calls;
  assert.equal(wanted.function.name, 'get_weather');
  assert.ok('city' in JSON.parse(wanted.function.arguments));
  await account.assertCharged(answer.usage);
});

test('a stream cancelled half way is charged for what came', async () => {
  const account = await Account.open();
  const body = { model: 'sim/slow', messages: ask('Take your time.'), stream: true };
  const stream = await account.client().chat.completions.create(body);
  let seen = 0;
  for await (const chunk of stream) {
    seen += chunk.choices.filter((choice) => choice.delta.content).length;
    if (seen === 20) stream.controller.abort();
  }
  const rows = await account.settled(1);
  const charged = pico(rows[0].charged);
  assert.ok(charged >= 20n * 10_000_000n && charged < 200n * 11_250_000n, String(charged));
  await account.assertBalanced(rows);
});

test('thirty-two streams at once are each whole and charged', async () => {
  const account = await Account.open();
  const client = account.client();
  const numbers = Array.from({ length: 32 }, (_, number) => number);
  const streams = await Promise.all(
    numbers.map((number) => read(client, { messages: ask(`Stream number ${number}`), ...USAGE })),
  );
  streams.forEach((chunks, number) => assert.ok(textOf(chunks).includes(`number ${number}`)));
  await account.assertCharged(...streams.map((chunks) => chunks.at(-1).usage));
});
