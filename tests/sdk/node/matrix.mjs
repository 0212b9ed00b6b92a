// Tests that run once for each dialect that a provider may speak, and what they ask about.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { z } from 'zod';

import { Account } from './account.mjs';

const CITY = {
  type: 'object',
  properties: { city: { type: 'string' } },
  required: ['city'],
  additionalProperties: false,
};

/** Name, description, arguments. */
export const TOOLS = [
  ['get_weather', 'The weather in a city', CITY],
  ['get_time', 'The time of day in a city', CITY],
];
export const PIXEL =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9Q' +
  'DwADhgGAWjR9awAAAABJRU5ErkJggg==';
const PDF_TEXT = '%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n';
export const PDF = Buffer.from(PDF_TEXT).toString('base64');
/** What a picture and a document count for the simulator, however they look. */
export const PIXEL_TOKENS = 256;
export const PDF_TOKENS = 512;
export const SCRIPTS = 'naïve 東京 🙂 " \\ \u2028 שלום';
export const City = z.object({ name: z.string(), inhabitants: z.number().int() });

/** A test with an account of its own. */
export function alone(name, run) {
  test(name, async () => run(await Account.open()));
}

/** A test of each upstream dialect: OpenAI's, Anthropic's and Gemini's. */
export function each(name, run) {
  for (const letter of 'oag') {
    alone(`${letter}: ${name}`, (account) => run(account, `${letter}/chat`, letter));
  }
}

/** A `fetch` that counts the answers that reach it, retries included. */
export function counted() {
  const statuses = [];
  const counting = async (...request) => {
    const answer = await fetch(...request);
    statuses.push(answer.status);
    return answer;
  };
  return { statuses, fetch: counting };
}

/** The error that a promise ends with, which must be of this type. */
export async function thrown(promise, type) {
  const error = await promise.then(
    () => assert.fail('was answered'),
    (caught) => caught,
  );
  assert.ok(error instanceof type, `${error?.stack}`);
  return error;
}
