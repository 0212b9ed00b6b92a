// OpenAI's SDK, the Responses API on every provider; each charged exactly.

import assert from 'node:assert/strict';

import OpenAI from 'openai';
import { zodTextFormat } from 'openai/helpers/zod';

import { pico } from './account.mjs';
import { City, PDF, PDF_TOKENS, PIXEL, PIXEL_TOKENS, TOOLS, each } from './matrix.mjs';

const FUNCTIONS = TOOLS.map(([name, description, parameters]) => ({
  type: 'function',
  name,
  description,
  parameters,
  strict: true,
}));
const HARD = { reasoning: { effort: 'high', summary: 'auto' } };

/** A usage in the order of account.mjs's `counts`. */
const told = (usage) => [
  usage.input_tokens,
  usage.input_tokens_details.cached_tokens,
  usage.output_tokens,
  usage.output_tokens_details.reasoning_tokens,
];
const callsOf = (answer) => answer.output.filter((item) => item.type === 'function_call');

/** A test that asks once and is charged once. */
function answered(name, options, check) {
  each(`responses: ${name}`, async (account, model) => {
    const body = { model, input: 'Why tolls?', ...options };
    const answer = await account.openai().responses.create(body);
    assert.equal(answer.model, model);
    check(answer);
    await account.assertBilled(told(answer.usage));
  });
}

answered('an answer is charged', { instructions: 'You are terse.' }, (answer) => {
  assert.equal(answer.status, 'completed');
  assert.ok(answer.output_text.includes('Why tolls?'));
});

answered('an answer at its limit is incomplete', { max_output_tokens: 20 }, (answer) => {
  assert.equal(answer.status, 'incomplete');
  assert.equal(answer.incomplete_details.reason, 'max_output_tokens');
});

answered('reasoning is an item before the answer', HARD, (answer) => {
  assert.deepEqual(answer.output.map((item) => item.type), ['reasoning', 'message']);
  assert.ok(answer.usage.output_tokens_details.reasoning_tokens > 0);
});

const text = { type: 'input_text', text: 'What is in these?' };
const picture = { type: 'input_image', image_url: `data:image/png;base64,${PIXEL}` };
const file_data = `data:application/pdf;base64,${PDF}`;
const paper = { type: 'input_file', filename: 'tolls.pdf', file_data };
const parts = { input: [{ role: 'user', content: [text, picture, paper] }] };
answered('pictures and documents are content', parts, ({ usage }) => {
  assert.ok(usage.input_tokens >= PIXEL_TOKENS + PDF_TOKENS);
});

each('responses: a JSON schema is parsed into its type', async (account, model) => {
  const format = zodTextFormat(City, 'city');
  const body = { model, input: 'About Lisbon.', text: { format } };
  const answer = await account.openai().responses.parse(body);
  assert.equal(typeof answer.output_parsed.inhabitants, 'number');
  await account.assertBilled(told(answer.usage));
});

each('responses: parallel tools are called and their results fed back', async (account, model) => {
  const { responses } = account.openai();
  const options = { model, tools: FUNCTIONS };
  const first = await responses.create({ ...options, input: 'Lisbon?', tool_choice: 'required' });
  const calls = callsOf(first);
  assert.deepEqual(calls.map((call) => call.name), ['get_weather', 'get_time']);
  const results = ['18 degrees', 'half past ten'].map((output, index) => ({
    type: 'function_call_output',
    call_id: calls[index].call_id,
    output,
  }));
  const input = [{ role: 'user', content: 'Lisbon?' }, ...first.output, ...results];
  const second = await responses.create({ ...options, input });
  assert.ok(second.output_text.includes('half past ten'));
  await account.assertBilled(told(first.usage), told(second.usage));
});

each('responses: a stream tells the answer in order', async (account, model) => {
  const body = { model, input: 'Why tolls?', stream: true };
  const events = [];
  for await (const event of await account.openai().responses.create(body)) events.push(event);
  assert.equal(events[0].type, 'response.created');
  assert.deepEqual(events.map((event) => event.sequence_number), [...events.keys()]);
  const deltas = events.filter((event) => event.type === 'response.output_text.delta');
  const { type, response } = events.at(-1);
  assert.equal(type, 'response.completed');
  const said = response.output.flatMap((item) => item.content ?? []).map((part) => part.text);
  assert.equal(deltas.map((event) => event.delta).join(''), said.join(''));
  await account.assertBilled(told(response.usage));
});

each('responses: tools are streamed piece by piece', async (account, model) => {
  const options = { tools: FUNCTIONS, tool_choice: 'required' };
  const stream = account.openai().responses.stream({ model, input: 'Lisbon?', ...options });
  const answer = await stream.finalResponse();
  const calls = callsOf(answer);
  assert.deepEqual(calls.map((call) => call.name), ['get_weather', 'get_time']);
  assert.ok(calls.every((call) => 'city' in JSON.parse(call.arguments)));
  await account.assertBilled(told(answer.usage));
});

each('responses: a stream left half way is charged', async (account, model, letter) => {
  const body = { model: `${letter}/slow`, input: 'Take your time.', stream: true };
  const stream = await account.openai().responses.create(body);
  let seen = 0;
  for await (const event of stream) {
    seen += event.type === 'response.output_text.delta';
    if (seen === 10) stream.controller.abort();
  }
  await account.assertCutShort(10);
});

each('responses: an upstream that dies costs nothing', async (account, model, letter) => {
  const kinds = [];
  try {
    const body = { model: `${letter}/cut`, input: 'Do not die.', stream: true };
    for await (const { type } of await account.openai().responses.create(body)) kinds.push(type);
  } catch (error) {
    assert.ok(error instanceof OpenAI.APIError, `${error}`);
    kinds.push('error');
  }
  assert.ok(['response.failed', 'error'].includes(kinds.at(-1)), kinds.at(-1));
  assert.equal(pico((await account.settled(1))[0].charged), 0n);
});
