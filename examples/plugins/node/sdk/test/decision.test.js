import assert from 'node:assert/strict';
import test from 'node:test';
import { allow, allowAs, deny, fail, pass, to } from 'moonwire-hook';
import { start } from 'moonwire-hook/testing';

/** What the broker gets when connect answers like that. */
async function answered(answer, point = 'connect') {
  const broker = await start({ [point]: answer });
  return broker[point](point === 'connect' ? {} : { subject: 'a', payload: 'x' });
}

test('an identity goes to the broker', async () => {
  const got = await answered(() => allowAs({
    user: 'u',
    account: 'A',
    permissions: {
      publish: { allow: ['a.>'], deny: ['a.b'] },
      subscribe: { deny: ['c q'] },
      responses: { max: -1, expiresMs: 1500 },
    },
    limits: { subscriptions: 5, payload: 1024 },
    tags: { role: 'x' },
    expires: new Date(2_000_000_000_999),
  }));
  assert.deepEqual(got, {
    verdict: 'allow',
    identity: {
      user: 'u',
      account: 'A',
      permissions: {
        publish: { allow: ['a.>'], deny: ['a.b'] },
        subscribe: { deny: ['c q'] },
        responses: { max: -1, expiresMs: 1500 },
      },
      limits: { subscriptions: 5, payload: 1024 },
      tags: { role: 'x' },
      expires: 2_000_000_000,
    },
  });
});

test('what has ended does not become for ever', async () => {
  for (const expires of [new Date(0), 0, -5, new Date(-1)]) {
    assert.equal((await answered(() => allowAs({ expires }))).identity.expires, 1, String(expires));
  }
});

test('null is the same as absent', async () => {
  const got = await answered(() => allowAs({ user: 'u', account: null, permissions: null, limits: null, tags: null, expires: null }));
  assert.deepEqual(got, { verdict: 'allow', identity: { user: 'u' } });
});

test('an identity that is none is a failure', async () => {
  for (const [id, want] of [
    [{ permisions: {} }, 'identity.permisions: there is no such key'],
    ['bob', 'identity: want an object, got a string'],
    [{ user: 5 }, 'identity.user: want a string, got a number'],
    [{ tags: { a: 1 } }, 'identity.tags: want an object whose values are strings'],
    [{ permissions: [] }, 'identity.permissions: want an object, got a list'],
    [{ permissions: { pub: {} } }, 'identity.permissions.pub: there is no such key'],
    [{ permissions: { publish: { allow: 'a.>' } } }, 'identity.permissions.publish.allow: want a list of strings, got a string'],
    [{ permissions: { publish: { allow: [] } } }, 'an empty list would allow everything'],
    [{ permissions: { responses: { max: 1.5 } } }, 'identity.permissions.responses.max: want a whole number'],
    [{ limits: { payload: -1 } }, 'identity.limits.payload: want a whole number from 0'],
    [{ expires: 'soon' }, 'identity.expires: want a Date or seconds since 1970, got a string'],
    [{ expires: new Date('soon') }, 'identity.expires: want a Date or seconds since 1970, got an invalid date'],
    [{ expires: Date.now() }, 'want a Date, or seconds, not milliseconds'],
  ]) {
    const got = await answered(() => allowAs(id));
    assert.equal(got.verdict, 'failed', JSON.stringify(id));
    assert.ok(got.error.startsWith('connect: ') && got.error.includes(want), `${got.error}\nwant ${want}`);
  }
});

test('answers that a point does not take are failures', async () => {
  for (const [point, answer, want] of [
    ['publish', () => to('b'), 'publish: it returned to(): want one of pass(), allow(), deny(), or nothing'],
    ['inspect', () => allow(), 'inspect: it returned allow()'],
    ['rewrite', () => allow(), 'rewrite: it returned allow()'],
    ['publish', () => allowAs({ user: 'u' }), 'publish: it returned allowAs(): that is for connect'],
    ['publish', () => true, 'publish: it returned a boolean'],
    ['publish', async () => ({ verdict: 1 }), 'publish: it returned an object'],
    ['publish', () => allow({ user: 'u' }), 'an identity is for allowAs'],
    ['rewrite', () => to(''), 'rewrite: to: want a subject'],
    ['rewrite', () => to(5), 'rewrite: to: want a subject, got a number'],
    ['publish', () => allow().for(0.5), 'publish: for: want whole milliseconds'],
    ['publish', (m) => { m.payload = 'x'; }, 'publish: payload: only inspect changes a message'],
    ['publish', () => { throw 'a string'; }, 'publish: a string'],
    ['publish', () => { throw new Error(''); }, 'publish: Error'],
    ['publish', () => Promise.reject(), 'publish: the plugin failed and does not say why'],
    ['publish', async () => { throw Object.create(null); }, 'publish: the plugin failed and does not say why'],
    ['publish', () => { throw Object.assign(new Error(), { message: 7 }); }, 'publish: 7'],
    ['publish', () => { throw new Error('half a \ud800'); }, 'publish: half a \ufffd'],
  ]) {
    const got = await answered(answer, point);
    assert.equal(got.verdict, 'failed', want);
    assert.ok(got.error.includes(want), `${got.error}\nwant ${want}`);
  }
});

test('answers', async () => {
  for (const [point, answer, want] of [
    ['publish', () => undefined, { verdict: 'pass' }],
    ['publish', () => null, { verdict: 'pass' }],
    ['publish', async () => {}, { verdict: 'pass' }],
    ['publish', () => pass(), { verdict: 'pass' }],
    ['publish', () => allow().for(1500), { verdict: 'allow', ttlMs: 1500 }],
    ['publish', () => deny('why').noCache(), { verdict: 'deny', reason: 'why', noCache: true }],
    ['publish', () => deny(), { verdict: 'deny' }],
    ['publish', () => deny(JSON.parse('"\\udc00 and 😀"')), { verdict: 'deny', reason: '\ufffd and 😀' }],
    ['publish', () => allow(), { verdict: 'allow' }], // for() above has changed nothing
    ['rewrite', () => to('b.c'), { verdict: 'replace', subject: 'b.c' }],
    ['rewrite', () => to(Buffer.from('b.c')), { verdict: 'replace', subject: 'b.c' }],
    ['connect', () => fail(new Error('no database')), { verdict: 'failed', error: 'no database' }],
    ['connect', () => fail(), { verdict: 'failed', error: 'the plugin failed and does not say why' }],
  ]) {
    assert.deepEqual(await answered(answer, point), want);
  }
});
