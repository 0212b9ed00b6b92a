// OpenRouter's own SDK under /api/v1, on every provider; each charged exactly, and told so.

import assert from 'node:assert/strict';

import { OpenRouter } from '@openrouter/sdk';
import { BadRequestResponseError } from '@openrouter/sdk/models/errors';
import { PaymentRequiredResponseError } from '@openrouter/sdk/models/errors';
import { UnauthorizedResponseError } from '@openrouter/sdk/models/errors';

import { Account, ROUTER_URL, pico } from './account.mjs';
import { City, PDF, PIXEL, TOOLS, alone, each, thrown } from './matrix.mjs';
import { z } from 'zod';

const client = (account) =>
  new OpenRouter({
    apiKey: account.key,
    serverURL: ROUTER_URL,
    retryConfig: { strategy: 'none' },
    timeoutMs: 30_000,
  });
const ask = (content) => [{ role: 'user', content }];
const FUNCTIONS = TOOLS.map(([name, description, parameters]) => ({
  type: 'function',
  function: { name, description, parameters },
}));

/** A usage in the order of account.mjs's `counts`. */
const told = (usage) => [
  usage.promptTokens,
  usage.promptTokensDetails?.cachedTokens ?? 0,
  usage.completionTokens,
  usage.completionTokensDetails?.reasoningTokens ?? 0,
];

/** The answer told its own price, to the last picodollar. */
async function assertPaid(account, usage) {
  await account.assertBilled(told(usage));
  const [row] = await account.settled(1);
  assert.equal(pico(usage.cost.toFixed(12)), pico(row.charged));
}

const send = (account, chatRequest) => client(account).chat.send({ chatRequest });

/** A test that asks once and is charged once. */
function answered(name, options, check) {
  each(`openrouter: ${name}`, async (account, model) => {
    const answer = await send(account, { model, messages: ask('Why tolls?'), ...options });
    assert.equal(answer.model, model);
    check(answer.choices[0].message);
    await assertPaid(account, answer.usage);
  });
}

answered('a chat is answered and its cost told', {}, ({ content }) => {
  assert.ok(content.includes('Why tolls?'));
});

const jsonSchema = { name: 'city', strict: true, schema: z.toJSONSchema(City) };
const shape = { responseFormat: { type: 'json_schema', jsonSchema } };
answered('a JSON schema is followed', shape, ({ content }) => City.parse(JSON.parse(content)));

const parts = [
  { type: 'text', text: 'What is in these?' },
  { type: 'image_url', imageUrl: { url: `data:image/png;base64,${PIXEL}` } },
  {
    type: 'file',
    file: { filename: 'tolls.pdf', fileData: `data:application/pdf;base64,${PDF}` },
  },
];
answered('pictures and documents are content', { messages: ask(parts) }, ({ content }) => {
  assert.ok(content.includes('What is in these?'));
});

answered('reasoning is shown', { reasoning: { effort: 'high' } }, ({ reasoning }) => {
  assert.ok(reasoning);
});

each('openrouter: a stream ends with its usage and cost', async (account, model) => {
  const chunks = [];
  const stream = await send(account, { model, messages: ask('Why tolls?'), stream: true });
  for await (const chunk of stream) chunks.push(chunk);
  const text = chunks.map((chunk) => chunk.choices[0]?.delta.content ?? '').join('');
  assert.ok(text.includes('Why tolls?'));
  assert.equal(chunks.filter((chunk) => chunk.usage).length, 1);
  await assertPaid(account, chunks.at(-1).usage);
});

each('openrouter: parallel tools are called and their results fed back', async (account, model) => {
  const options = { model, tools: FUNCTIONS };
  const question = ask('Lisbon?');
  const first = await send(account, { ...options, messages: question, toolChoice: 'required' });
  const { message } = first.choices[0];
  const names = message.toolCalls.map((call) => call.function.name);
  assert.deepEqual(names, ['get_weather', 'get_time']);
  const results = ['18 degrees', 'half past ten'].map((content, index) => ({
    role: 'tool',
    toolCallId: message.toolCalls[index].id,
    content,
  }));
  const second = await send(account, { ...options, messages: [...question, message, ...results] });
  assert.ok(second.choices[0].message.content.includes('half past ten'));
  await account.assertBilled(told(first.usage), told(second.usage));
});

each('openrouter: a stream left half way is charged', async (account, model, letter) => {
  const body = { model: `${letter}/slow`, messages: ask('Take your time.'), stream: true };
  let seen = 0;
  for await (const chunk of await send(account, body)) {
    seen += chunk.choices.filter((choice) => choice.delta.content).length;
    if (seen === 10) break;
  }
  await account.assertCutShort(10);
});

each('openrouter: no money is payment required', async (account, model) => {
  const poor = await Account.open({ credit: '0' });
  const promise = send(poor, { model, messages: ask('Hello?') });
  await thrown(promise, PaymentRequiredResponseError);
});

alone('openrouter: an unknown key is unauthorized', async () => {
  const promise = send({ key: 'sk-nobody' }, { model: 'o/chat', messages: ask('Hello?') });
  await thrown(promise, UnauthorizedResponseError);
});

alone('openrouter: an unknown model is a bad request', async (account) => {
  const promise = send(account, { model: 'o/nothing', messages: ask('Hello?') });
  await thrown(promise, BadRequestResponseError);
});

alone('openrouter: models and generations are looked up', async (account) => {
  const router = client(account);
  const answer = await send(account, { model: 'a/chat', messages: ask('Hello?') });
  await account.settled(1);
  const { data } = await router.generations.getGeneration({ id: answer.id });
  assert.equal(data.model, 'a/chat');
  assert.equal(data.totalCost, answer.usage.cost);
  const ids = [];
  for await (const page of await router.models.list()) {
    ids.push(...page.result.data.map((model) => model.id));
    break;
  }
  assert.ok(ids.includes('g/chat'));
  const endpoints = await router.endpoints.list({ author: 'g', slug: 'chat' });
  assert.equal(endpoints.data.endpoints[0].providerName, 'speaks-g');
});
