// Google's SDK on every provider; each charged exactly.

import assert from 'node:assert/strict';

import { pico } from './account.mjs';
import { City, PDF, PDF_TOKENS, PIXEL, PIXEL_TOKENS, TOOLS, alone, each } from './matrix.mjs';
import { z } from 'zod';

const functionDeclarations = TOOLS.map(([name, description, parametersJsonSchema]) => ({
  name,
  description,
  parametersJsonSchema,
}));
const tools = [{ functionDeclarations }];
const toolConfig = { functionCallingConfig: { mode: 'ANY' } };
const THINKING = { thinkingConfig: { includeThoughts: true, thinkingBudget: 1024 } };

/** A usage in the order of account.mjs's `counts`. */
function told(usage) {
  const thought = usage.thoughtsTokenCount ?? 0;
  const completion = (usage.candidatesTokenCount ?? 0) + thought;
  assert.equal(usage.totalTokenCount, usage.promptTokenCount + completion);
  return [usage.promptTokenCount, usage.cachedContentTokenCount ?? 0, completion, thought];
}

/** A test that asks once and is charged once. */
function answered(name, config, check, contents = 'Why tolls?') {
  each(`gemini: ${name}`, async (account, model) => {
    const answer = await account.gemini().models.generateContent({ model, contents, config });
    assert.equal(answer.modelVersion, model);
    check(answer, answer.candidates[0]);
    await account.assertBilled(told(answer.usageMetadata));
  });
}

answered('an answer is charged', { systemInstruction: 'You are terse.' }, (answer, candidate) => {
  assert.equal(candidate.finishReason, 'STOP');
  assert.ok(answer.text.includes('Why tolls?'));
});

answered('a limit is kept', { maxOutputTokens: 5 }, (answer, candidate) => {
  assert.equal(candidate.finishReason, 'MAX_TOKENS');
});

answered('thoughts are shown and counted', THINKING, ({ usageMetadata }, candidate) => {
  assert.ok(candidate.content.parts[0].thought);
  assert.ok(usageMetadata.thoughtsTokenCount > 0);
});

const responseJsonSchema = z.toJSONSchema(City);
const shape = { responseMimeType: 'application/json', responseJsonSchema };
answered('a JSON schema is followed', shape, (answer) => City.parse(JSON.parse(answer.text)));

const parts = [
  { inlineData: { mimeType: 'image/png', data: PIXEL } },
  { inlineData: { mimeType: 'application/pdf', data: PDF } },
  { text: 'What is in these?' },
];
const check = ({ usageMetadata }) =>
  assert.ok(usageMetadata.promptTokenCount >= PIXEL_TOKENS + PDF_TOKENS);
answered('pictures and documents are content', {}, check, [{ role: 'user', parts }]);

each('gemini: parallel tools are called and their results fed back', async (account, model) => {
  const { models } = account.gemini();
  const question = { role: 'user', parts: [{ text: 'Lisbon?' }] };
  const config = { tools, toolConfig };
  const first = await models.generateContent({ model, contents: [question], config });
  const calls = first.functionCalls;
  assert.deepEqual(calls.map((call) => call.name), ['get_weather', 'get_time']);
  const results = ['18 degrees', 'half past ten'].map((result, index) => ({
    functionResponse: { id: calls[index].id, name: calls[index].name, response: { result } },
  }));
  const contents = [question, first.candidates[0].content, { role: 'user', parts: results }];
  const second = await models.generateContent({ model, contents, config: { tools } });
  assert.ok(second.text.includes('half past ten'));
  await account.assertBilled(told(first.usageMetadata), told(second.usageMetadata));
});

each('gemini: tokens are counted', async (account, model, letter) => {
  const { models } = account.gemini();
  const contents = 'How many tokens is this? '.repeat(20);
  const { totalTokens } = await models.countTokens({ model, contents });
  const answer = await models.generateContent({ model, contents, config: { maxOutputTokens: 5 } });
  const [made] = await account.assertBilled(told(answer.usageMetadata));
  if (letter === 'o') assert.ok(totalTokens > 0 && totalTokens <= 2 * made.prompt);
  else assert.equal(totalTokens, made.prompt);
});

async function read(account, model, config) {
  const pieces = [];
  const body = { model, contents: 'Why tolls?', config };
  for await (const piece of await account.gemini().models.generateContentStream(body)) {
    pieces.push(piece);
  }
  return pieces;
}

each('gemini: a stream tells the answer piece by piece', async (account, model) => {
  const pieces = await read(account, model);
  assert.ok(pieces.length > 5);
  assert.ok(pieces.map((piece) => piece.text ?? '').join('').includes('Why tolls?'));
  await account.assertBilled(told(pieces.at(-1).usageMetadata));
});

each('gemini: tools are streamed', async (account, model) => {
  const pieces = await read(account, model, { tools, toolConfig });
  const calls = pieces.flatMap((piece) => piece.functionCalls ?? []);
  assert.deepEqual(calls.map((call) => call.name), ['get_weather', 'get_time']);
  await account.assertBilled(told(pieces.at(-1).usageMetadata));
});

each('gemini: a stream left half way is charged', async (account, model, letter) => {
  const controller = new AbortController();
  const config = { abortSignal: controller.signal };
  const body = { model: `${letter}/slow`, contents: 'Take your time.', config };
  let seen = 0;
  await assert.rejects(async () => {
    for await (const _ of await account.gemini().models.generateContentStream(body)) {
      seen += 1;
      if (seen === 12) controller.abort();
    }
  });
  await account.assertCutShort(10);
});

each('gemini: an upstream that dies says so and costs nothing', async (account, _, letter) => {
  await assert.rejects(read(account, `${letter}/cut`));
  assert.equal(pico((await account.settled(1))[0].charged), 0n);
});

alone('gemini: models are listed', async (account) => {
  const names = [];
  for await (const model of await account.gemini().models.list()) names.push(model.name);
  assert.ok(['o', 'a', 'g'].every((letter) => names.includes(`models/${letter}/chat`)));
});
