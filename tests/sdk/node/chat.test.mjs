// OpenAI's SDK, chat completions on every provider; each charged exactly.

import assert from 'node:assert/strict';

import OpenAI from 'openai';
import { zodResponseFormat } from 'openai/helpers/zod';

import { pico } from './account.mjs';
import { City, PDF, PDF_TOKENS, PIXEL, PIXEL_TOKENS, SCRIPTS, TOOLS } from './matrix.mjs';
import { alone, each } from './matrix.mjs';

const ask = (content) => [{ role: 'user', content }];
const FUNCTIONS = TOOLS.map(([name, description, parameters]) => ({
  type: 'function',
  function: { name, description, parameters },
}));
const USAGE = { stream_options: { include_usage: true } };

/** A usage in the order of account.mjs's `counts`. */
const told = (usage) => [
  usage.prompt_tokens,
  usage.prompt_tokens_details?.cached_tokens ?? 0,
  usage.completion_tokens,
  usage.completion_tokens_details?.reasoning_tokens ?? 0,
];

/** A test that asks once and is charged once. */
function answered(name, options, check) {
  each(`chat: ${name}`, async (account, model) => {
    const body = { model, messages: ask('Hello there.'), ...options };
    const answer = await account.openai().chat.completions.create(body);
    assert.equal(answer.model, model);
    check(answer, answer.choices[0]);
    await account.assertBilled(told(answer.usage));
  });
}

answered('an answer is charged', {}, (answer, { finish_reason, message }) => {
  assert.equal(finish_reason, 'stop');
  assert.ok(message.content.includes('Hello there.'));
});

const json = { messages: ask('A colour, in JSON.'), response_format: { type: 'json_object' } };
answered('JSON mode answers an object', json, (answer, { message }) => {
  assert.equal(typeof JSON.parse(message.content), 'object');
});

const text = { type: 'text', text: 'What is in this?' };
const url = `data:image/png;base64,${PIXEL}`;
const picture = { messages: ask([text, { type: 'image_url', image_url: { url } }]) };
answered('a picture is content like any other', picture, ({ usage }) => {
  assert.ok(usage.prompt_tokens >= PIXEL_TOKENS);
});

const file = { filename: 'tolls.pdf', file_data: `data:application/pdf;base64,${PDF}` };
const paper = { messages: ask([text, { type: 'file', file }]) };
answered('a document is content like any other', paper, ({ usage }) => {
  assert.ok(usage.prompt_tokens >= PDF_TOKENS);
});

answered('reasoning is shown and counted', { reasoning_effort: 'high' }, ({ usage }, choice) => {
  assert.ok(choice.message.reasoning_content);
  assert.ok(usage.completion_tokens_details.reasoning_tokens > 0);
});

answered('every script survives', { messages: ask(SCRIPTS) }, (answer, { message }) => {
  assert.ok(message.content.includes('naïve 東京 🙂'));
});

const megabyte = { messages: ask('toll '.repeat(210_000)) };
answered('a prompt of a megabyte is answered', megabyte, ({ usage }) => {
  assert.ok(usage.prompt_tokens > 200_000);
});

each('chat: a JSON schema is parsed into its type', async (account, model) => {
  const answer = await account.openai().chat.completions.parse({
    model,
    messages: ask('Tell me about Lisbon.'),
    response_format: zodResponseFormat(City, 'city'),
  });
  assert.equal(typeof answer.choices[0].message.parsed.inhabitants, 'number');
  await account.assertBilled(told(answer.usage));
});

each('chat: parallel tools are called and their results fed back', async (account, model) => {
  const { completions } = account.openai().chat;
  const options = { model, tools: FUNCTIONS };
  const messages = ask('Lisbon?');
  const first = await completions.create({ ...options, messages, tool_choice: 'required' });
  const calls = first.choices[0].message.tool_calls;
  assert.deepEqual(calls.map((call) => call.function.name), ['get_weather', 'get_time']);
  assert.ok(calls.every((call) => 'city' in JSON.parse(call.function.arguments)));
  const results = ['18 degrees', 'half past ten'].map((content, index) => ({
    role: 'tool',
    tool_call_id: calls[index].id,
    content,
  }));
  const second = await completions.create({
    ...options,
    messages: [...messages, first.choices[0].message, ...results],
  });
  assert.ok(second.choices[0].message.content.includes('half past ten'));
  await account.assertBilled(told(first.usage), told(second.usage));
});

async function read(account, body) {
  const chunks = [];
  const asked = { messages: ask('Why tolls?'), stream: true, ...body };
  const stream = await account.openai().chat.completions.create(asked);
  for await (const chunk of stream) chunks.push(chunk);
  return chunks;
}

const textOf = (chunks) =>
  chunks.flatMap((chunk) => chunk.choices.map((choice) => choice.delta.content ?? '')).join('');

each('chat: a stream is whole and tells its usage once', async (account, model) => {
  const chunks = await read(account, { model, ...USAGE });
  assert.ok(textOf(chunks).includes('Why tolls?'));
  assert.equal(chunks.filter((chunk) => chunk.usage).length, 1);
  assert.deepEqual(chunks.at(-1).choices, []);
  await account.assertBilled(told(chunks.at(-1).usage));
});

each('chat: usage stays away when it was not asked for', async (account, model) => {
  const chunks = await read(account, { model });
  assert.ok(chunks.every((chunk) => !chunk.usage && chunk.choices.length > 0));
  assert.equal(chunks.at(-1).choices[0].finish_reason, 'stop');
  await account.assertBilled(null);
});

each('chat: tools are streamed piece by piece', async (account, model) => {
  const options = { tools: FUNCTIONS, tool_choice: 'required', ...USAGE };
  const body = { model, messages: ask('Lisbon?'), ...options };
  const answer = await account.openai().chat.completions.stream(body).finalChatCompletion();
  const calls = answer.choices[0].message.tool_calls;
  assert.deepEqual(calls.map((call) => call.function.name), ['get_weather', 'get_time']);
  assert.ok(calls.every((call) => 'city' in JSON.parse(call.function.arguments)));
  await account.assertBilled(told(answer.usage));
});

each('chat: a stream left half way is charged', async (account, model, letter) => {
  const body = { model: `${letter}/slow`, messages: ask('Take your time.'), stream: true };
  const stream = await account.openai().chat.completions.create(body);
  let seen = 0;
  for await (const chunk of stream) {
    seen += chunk.choices.filter((choice) => choice.delta.content).length;
    if (seen === 10) stream.controller.abort();
  }
  await account.assertCutShort(10);
});

each('chat: an upstream that dies says so and costs nothing', async (account, model, letter) => {
  await assert.rejects(read(account, { model: `${letter}/cut` }), OpenAI.APIError);
  const rows = await account.settled(1);
  assert.equal(pico(rows[0].charged), 0n);
});

each('chat: thirty-two streams at once are each whole and charged', async (account, model) => {
  const numbers = Array.from({ length: 32 }, (_, number) => number);
  const body = (number) => ({ model, messages: ask(`Stream number ${number}`), ...USAGE });
  const streams = await Promise.all(numbers.map((number) => read(account, body(number))));
  streams.forEach((chunks, number) => assert.ok(textOf(chunks).includes(`number ${number}`)));
  await account.assertBilled(...streams.map((chunks) => told(chunks.at(-1).usage)));
});

alone('chat: models are listed and retrieved', async (account) => {
  const ids = [];
  for await (const model of account.openai().models.list()) ids.push(model.id);
  assert.ok(['o/chat', 'a/chat', 'g/chat'].every((id) => ids.includes(id)));
  assert.equal((await account.openai().models.retrieve('a/chat')).id, 'a/chat');
});
