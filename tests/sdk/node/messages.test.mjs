// Anthropic's SDK on every provider; each charged exactly.

import assert from 'node:assert/strict';

import Anthropic from '@anthropic-ai/sdk';
import { betaZodTool } from '@anthropic-ai/sdk/helpers/beta/zod';
import { zodOutputFormat } from '@anthropic-ai/sdk/helpers/zod';
import { z } from 'zod';

import { pico } from './account.mjs';
import { City, PDF, PDF_TOKENS, PIXEL, PIXEL_TOKENS, TOOLS, each } from './matrix.mjs';

const ask = (content) => [{ role: 'user', content }];
const FUNCTIONS = TOOLS.map(([name, description, input_schema]) => ({
  name,
  description,
  input_schema,
}));
const THINKING = { max_tokens: 4000, thinking: { type: 'enabled', budget_tokens: 1024 } };

/** A usage in the order of account.mjs's `counts`. */
function told(usage) {
  const { input_tokens, cache_creation_input_tokens: written, cache_read_input_tokens: cached } =
    usage;
  const thought = usage.output_tokens_details?.thinking_tokens ?? 0;
  return [input_tokens + (written ?? 0) + (cached ?? 0), cached ?? 0, usage.output_tokens, thought];
}

const words = (answer) => answer.content.map((block) => block.text ?? '').join('');
const usesOf = (answer) => answer.content.filter((block) => block.type === 'tool_use');

/** A test that asks once and is charged once. */
function answered(name, options, check) {
  each(`messages: ${name}`, async (account, model) => {
    const body = { model, max_tokens: 1000, messages: ask('Why tolls?'), ...options };
    const answer = await account.anthropic().messages.create(body);
    assert.equal(answer.model, model);
    check(answer);
    await account.assertBilled(told(answer.usage));
  });
}

answered('an answer is charged', { system: 'You are terse.' }, (answer) => {
  assert.equal(answer.stop_reason, 'end_turn');
  assert.ok(words(answer).includes('Why tolls?'));
});

answered('a limit is kept', { max_tokens: 5 }, (answer) => {
  assert.equal(answer.stop_reason, 'max_tokens');
  assert.equal(answer.usage.output_tokens, 5);
});

answered('thinking is shown and counted', THINKING, (answer) => {
  assert.deepEqual(answer.content.map((block) => block.type), ['thinking', 'text']);
  assert.ok(answer.usage.output_tokens_details.thinking_tokens > 0);
});

const source = (media_type, data) => ({ type: 'base64', media_type, data });
const parts = [
  { type: 'image', source: source('image/png', PIXEL) },
  { type: 'document', source: source('application/pdf', PDF) },
  { type: 'text', text: 'What is in these?' },
];
answered('pictures and documents are content', { messages: ask(parts) }, (answer) => {
  assert.ok(told(answer.usage)[0] >= PIXEL_TOKENS + PDF_TOKENS);
});

each('messages: a JSON schema is parsed into its type', async (account, model) => {
  const output_config = { format: zodOutputFormat(City) };
  const body = { model, max_tokens: 500, messages: ask('About Lisbon.'), output_config };
  const answer = await account.anthropic().messages.parse(body);
  assert.equal(typeof answer.parsed_output.inhabitants, 'number');
  await account.assertBilled(told(answer.usage));
});

each('messages: parallel tools are called and their results fed back', async (account, model) => {
  const { messages } = account.anthropic();
  const options = { model, max_tokens: 500, tools: FUNCTIONS };
  const question = ask('Lisbon?');
  const any = { tool_choice: { type: 'any' } };
  const first = await messages.create({ ...options, ...any, messages: question });
  assert.equal(first.stop_reason, 'tool_use');
  const calls = usesOf(first);
  assert.deepEqual(calls.map((call) => call.name), ['get_weather', 'get_time']);
  const results = ['18 degrees', 'half past ten'].map((content, index) => ({
    type: 'tool_result',
    tool_use_id: calls[index].id,
    content,
  }));
  const turn = { role: 'assistant', content: first.content };
  const body = { ...options, messages: [...question, turn, ...ask(results)] };
  const second = await messages.create(body);
  assert.ok(words(second).includes('half past ten'));
  await account.assertBilled(told(first.usage), told(second.usage));
});

each('messages: the tool runner goes on until there is an answer', async (account, model) => {
  const cities = [];
  const tool = betaZodTool({
    name: 'get_weather',
    description: 'The weather in a city',
    inputSchema: z.object({ city: z.string() }),
    run: ({ city }) => {
      cities.push(city);
      return '18 degrees';
    },
  });
  const options = { model, max_tokens: 500, tools: [tool], max_iterations: 3 };
  const { messages } = account.anthropic().beta;
  const answer = await messages.toolRunner({ ...options, messages: ask('Lisbon?') });
  assert.equal(cities.length, 1);
  assert.ok(words(answer).includes('18 degrees'));
  await account.assertBilled(null, told(answer.usage));
});

each('messages: tokens are counted', async (account, model, letter) => {
  const body = { model, messages: ask('How many tokens is this? '.repeat(20)) };
  const { messages } = account.anthropic();
  const { input_tokens } = await messages.countTokens(body);
  const answer = await messages.create({ ...body, max_tokens: 5 });
  const [made] = await account.assertBilled(told(answer.usage));
  if (letter === 'o') assert.ok(input_tokens > 0 && input_tokens <= 2 * made.prompt);
  else assert.equal(input_tokens, made.prompt);
});

each('messages: the stream helper gathers the answer', async (account, model) => {
  const body = { model, max_tokens: 500, messages: ask('Why tolls?') };
  const stream = account.anthropic().messages.stream(body);
  let text = '';
  stream.on('text', (delta) => (text += delta));
  const answer = await stream.finalMessage();
  assert.equal(text, words(answer));
  assert.ok(text.includes('Why tolls?'));
  await account.assertBilled(told(answer.usage));
});

each('messages: tools are streamed piece by piece', async (account, model) => {
  const options = { max_tokens: 500, tools: FUNCTIONS, tool_choice: { type: 'any' } };
  const body = { model, messages: ask('Lisbon?'), ...options };
  const answer = await account.anthropic().messages.stream(body).finalMessage();
  assert.deepEqual(usesOf(answer).map((call) => call.name), ['get_weather', 'get_time']);
  assert.ok(usesOf(answer).every((call) => 'city' in call.input));
  await account.assertBilled(told(answer.usage));
});

each('messages: a stream left half way is charged', async (account, model, letter) => {
  const options = { max_tokens: 1000, messages: ask('Take your time.'), stream: true };
  const stream = await account.anthropic().messages.create({ model: `${letter}/slow`, ...options });
  let seen = 0;
  for await (const event of stream) {
    seen += event.type === 'content_block_delta';
    if (seen === 10) stream.controller.abort();
  }
  await account.assertCutShort(10);
});

each('messages: an upstream that dies says so and costs nothing', async (account, _, letter) => {
  const options = { max_tokens: 500, messages: ask('Do not die.') };
  const stream = account.anthropic().messages.stream({ model: `${letter}/cut`, ...options });
  await assert.rejects(stream.finalMessage(), Anthropic.AnthropicError);
  assert.equal(pico((await account.settled(1))[0].charged), 0n);
});
