// Answers that are not streamed: every feature a program uses, each charged exactly.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { zodResponseFormat } from 'openai/helpers/zod';
import { z } from 'zod';

import { Account, MODEL, ask } from './account.mjs';

const PIXEL =
  'data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9Q' +
  'DwADhgGAWjR9awAAAABJRU5ErkJggg==';
const WEATHER = {
  type: 'function',
  function: {
    name: 'get_weather',
    description: 'The weather in a city',
    parameters: {
      type: 'object',
      properties: { city: { type: 'string' } },
      required: ['city'],
    },
  },
};

/** A test that asks once and is charged once. */
function answered(name, options, check) {
  test(name, async () => {
    const account = await Account.open();
    const body = { model: MODEL, messages: ask('Hello there.'), ...options };
    const answer = await account.client().chat.completions.create(body);
    check(answer);
    await account.assertCharged(answer.usage);
  });
}

answered('a chat is answered and charged', {}, (answer) => {
  assert.equal(answer.model, MODEL);
  assert.equal(answer.choices[0].finish_reason, 'stop');
  assert.ok(answer.choices[0].message.content);
});

answered('cached tokens are charged at their own price', { model: 'sim/cached' }, (answer) => {
  assert.ok(answer.usage.prompt_tokens_details.cached_tokens > 0);
});

const json = { messages: ask('A colour, in JSON.'), response_format: { type: 'json_object' } };
answered('JSON mode answers an object', json, (answer) => {
  assert.equal(typeof JSON.parse(answer.choices[0].message.content), 'object');
});

const picture = [
  { type: 'text', text: 'What is in this picture?' },
  { type: 'image_url', image_url: { url: PIXEL } },
];
answered('an image is content like any other', { messages: ask(picture) }, (answer) => {
  assert.ok(answer.usage.prompt_tokens >= 256);
});

answered('several choices are all charged', { n: 2, max_completion_tokens: 20 }, (answer) => {
  assert.deepEqual(answer.choices.map((choice) => choice.index), [0, 1]);
});

const scripts = { messages: ask('naïve 東京 🙂 \u0000 " \\ \u2028 שלום') };
answered('every script survives the way there and back', scripts, (answer) => {
  assert.ok(answer.choices[0].message.content.includes('naïve 東京 🙂'));
});

const megabyte = { messages: ask('toll '.repeat(210_000)) };
answered('a prompt of a megabyte is answered', megabyte, (answer) => {
  assert.ok(answer.usage.prompt_tokens > 200_000);
});

test('a JSON schema is parsed into its type', async () => {
  const account = await Account.open();
  const City = z.object({ name: z.string(), inhabitants: z.number().int() });
  const answer = await account.client().chat.completions.parse({
    model: MODEL,
    messages: ask('Tell me about Lisbon.'),
    response_format: zodResponseFormat(City, 'city'),
  });
  assert.equal(typeof answer.choices[0].message.parsed.inhabitants, 'number');
  await account.assertCharged(answer.usage);
});

test('tools are called and their results fed back', async () => {
  const account = await Account.open();
  const client = account.client();
  const messages = ask('What is the weather in Lisbon?');
  const options = { model: MODEL, tools: [WEATHER] };
  const call = await client.chat.completions.create({
    ...options,
    messages,
    tool_choice: 'required',
  });
  const [wanted] = call.choices[0].message.tool_calls;
  assert.equal(wanted.function.name, 'get_weather');
  assert.ok('city' in JSON.parse(wanted.function.arguments));
  const result = { role: 'tool', tool_call_id: wanted.id, content: '18 degrees and sunny' };
  const answer = await client.chat.completions.create({
    ...options,
    messages: [...messages, call.choices[0].message, result],
  });
  assert.ok(answer.choices[0].message.content.includes('18 degrees'));
  await account.assertCharged(call.usage, answer.usage);
});

test('models are listed and retrieved', async () => {
  const client = (await Account.open()).client();
  const ids = [];
  for await (const model of client.models.list()) ids.push(model.id);
  assert.ok(ids.includes(MODEL));
  assert.equal((await client.models.retrieve(MODEL)).id, MODEL);
});
