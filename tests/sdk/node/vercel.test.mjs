// Vercel's AI SDK with its OpenRouter provider, on every provider; each charged exactly.

import assert from 'node:assert/strict';

import { createOpenRouter } from '@openrouter/ai-sdk-provider';
import { APICallError, Output, generateText, isStepCount, streamText, tool } from 'ai';
import { z } from 'zod';

import { Account, ROUTER_URL, pico } from './account.mjs';
import { City, PDF, PIXEL, each, thrown } from './matrix.mjs';

const openrouter = (account) => createOpenRouter({ baseURL: ROUTER_URL, apiKey: account.key });
const prompt = 'Why tolls?';

/** A usage in the order of account.mjs's `counts`. */
const told = ({ inputTokens, outputTokens, inputTokenDetails, outputTokenDetails }) => [
  inputTokens,
  inputTokenDetails?.cacheReadTokens ?? 0,
  outputTokens,
  outputTokenDetails?.reasoningTokens ?? 0,
];

each('vercel: a text is generated and its cost told', async (account, model) => {
  const answer = await generateText({ model: openrouter(account)(model), prompt, maxRetries: 0 });
  assert.ok(answer.text.includes('Why tolls?'));
  assert.equal(answer.finishReason, 'stop');
  await account.assertBilled(told(answer.usage));
  const [row] = await account.settled(1);
  const { cost } = answer.providerMetadata.openrouter.usage;
  assert.equal(pico(cost.toFixed(12)), pico(row.charged));
});

each('vercel: a text is streamed', async (account, model) => {
  const answer = streamText({ model: openrouter(account)(model), prompt, maxRetries: 0 });
  const pieces = [];
  for await (const piece of answer.textStream) pieces.push(piece);
  assert.ok(pieces.length > 5);
  assert.equal(pieces.join(''), await answer.text);
  await account.assertBilled(told(await answer.usage));
});

each('vercel: tools run until there is an answer', async (account, model) => {
  const cities = [];
  const weather = tool({
    description: 'The weather in a city',
    inputSchema: z.object({ city: z.string() }),
    execute: ({ city }) => {
      cities.push(city);
      return '18 degrees';
    },
  });
  const answer = await generateText({
    model: openrouter(account)(model),
    prompt: 'Lisbon?',
    tools: { weather },
    stopWhen: isStepCount(3),
    maxRetries: 0,
  });
  assert.equal(cities.length, 1);
  assert.ok(answer.text.includes('18 degrees'));
  await account.assertBilled(...answer.steps.map((step) => told(step.usage)));
});

each('vercel: an object follows its schema', async (account, model) => {
  const output = Output.object({ schema: City });
  const options = { model: openrouter(account)(model), prompt, output, maxRetries: 0 };
  const answer = await generateText(options);
  assert.equal(typeof answer.output.inhabitants, 'number');
  await account.assertBilled(told(answer.usage));
});

each('vercel: pictures and documents are content', async (account, model) => {
  const content = [
    { type: 'text', text: 'What is in these?' },
    { type: 'file', data: PIXEL, mediaType: 'image/png' },
    { type: 'file', data: PDF, mediaType: 'application/pdf', filename: 'tolls.pdf' },
  ];
  const messages = [{ role: 'user', content }];
  const options = { model: openrouter(account)(model), messages, maxRetries: 0 };
  const answer = await generateText(options);
  assert.ok(answer.text.includes('What is in these?'));
  await account.assertBilled(told(answer.usage));
});

each('vercel: reasoning is shown and counted', async (account, model) => {
  const providerOptions = { openrouter: { reasoning: { effort: 'high' } } };
  const options = { model: openrouter(account)(model), prompt, providerOptions, maxRetries: 0 };
  const answer = await generateText(options);
  assert.ok(answer.reasoningText);
  await account.assertBilled(told(answer.usage));
});

each('vercel: a stream left half way is charged', async (account, model, letter) => {
  const controller = new AbortController();
  const options = { prompt, abortSignal: controller.signal, maxRetries: 0 };
  const answer = streamText({ model: openrouter(account)(`${letter}/slow`), ...options });
  let seen = 0;
  try {
    for await (const _ of answer.textStream) {
      seen += 1;
      if (seen === 10) controller.abort();
    }
  } catch (error) {
    assert.equal(error.name, 'AbortError');
  }
  await account.assertCutShort(10);
});

each('vercel: no money is an API error that is not retried', async (account, model) => {
  const poor = openrouter(await Account.open({ credit: '0' }));
  const error = await thrown(generateText({ model: poor(model), prompt }), Error);
  assert.ok(APICallError.isInstance(error), `${error}`);
  assert.deepEqual([error.statusCode, error.isRetryable], [402, false]);
});
