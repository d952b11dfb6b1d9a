import assert from 'node:assert/strict';
import test from 'node:test';
import { start } from 'moonwire-hook/testing';
import { Plugin, registrations } from '../plugin.js';
import { redact } from '../redact.js';

const open = (names) => start(new Plugin(), registrations, { config: { redact: names } });

test('fields are blackened at any depth', async () => {
  const broker = await open(['card', 'pin']);
  for (const [payload, want] of [
    ['{"id":1,"card":"4711"}', '{"id":1,"card":"****"}'],
    ['[{"a":[{"card":{"no":1}}]},{"pin":null}]', '[{"a":[{"card":"****"}]},{"pin":"****"}]'],
    ['{"\\u0063ard":"4711"}', '{"card":"****"}'],
    ['{"__proto__":{"card":1}}', '{"__proto__":{"card":"****"}}'],
  ]) {
    const got = await broker.inspect({ subject: 'orders', payload });
    assert.deepEqual([got.verdict, String(got.payload)], ['replace', want], payload);
  }
});

test('what has none of the fields stays as it is, to the byte', async () => {
  const broker = await open(['card']);
  for (const payload of ['{ "id": 1 }', '["card"]', '"card"', 'null', '5']) {
    assert.deepEqual(await broker.inspect({ subject: 'orders', payload }), { verdict: 'pass' }, payload);
  }
});

test('what cannot be looked into is dropped', async () => {
  const broker = await open(['card']);
  for (const payload of ['', 'card=4711', '{"card":', Buffer.from([0xff])]) {
    assert.equal((await broker.inspect({ subject: 'orders', payload })).verdict, 'drop', String(payload));
  }
});

test('it is asked what it is configured for', async () => {
  const inspection = { subject: 'orders', payload: 'card=4711' };
  const blackens = await open(['card']);
  assert.equal((await blackens.connect({ user: 'ann' })).verdict, 'unasked');
  assert.equal((await blackens.inspect(inspection)).verdict, 'drop');
  const asks = await start(new Plugin(), registrations, { config: { url: 'http://127.0.0.1:1/' } });
  assert.equal((await asks.inspect(inspection)).verdict, 'unasked');
  assert.equal((await asks.connect({ user: 'ann' })).verdict, 'failed');
});

test('depth does no harm', () => {
  let document = { card: 1 };
  for (let i = 0; i < 100_000; i++) {
    document = [document];
  }
  assert.equal(redact(document, new Set(['card'])), true);
});
