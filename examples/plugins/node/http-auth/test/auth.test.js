import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import test from 'node:test';
import { start } from 'moonwire-hook/testing';
import { Plugin, registrations } from '../plugin.js';

/** A service that answers by a function; it notes what it was asked. */
async function service(t, answer) {
  const asked = [];
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request.setEncoding('utf8')) {
      body += chunk;
    }
    asked.push({ method: request.method, headers: request.headers, body: JSON.parse(body) });
    answer(response, asked.at(-1).body, asked.length);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${server.address().port}/auth`, asked };
}

const send = (response, status, body) => response.writeHead(status).end(typeof body === 'string' ? body : JSON.stringify(body));

const open = (config, options) => start(new Plugin(), registrations, { config, ...options });

const ann = { user: 'ann', password: 'pw', client: { host: '10.0.0.1', name: 'n' } };

test('the service says who a client is', async (t) => {
  const identity = { user: 'ann', account: 'A', permissions: { publish: { allow: ['a.>'] } }, tags: { role: 'x' }, expires: 4e9 };
  const { url, asked } = await service(t, (r) => send(r, 200, identity));
  const broker = await open({ url, headers: { authorization: 'Bearer x' } });
  assert.deepEqual(await broker.connect({ ...ann, token: 't', tls: { commonName: 'c' } }), { verdict: 'allow', identity });
  assert.equal(asked[0].method, 'POST');
  assert.equal(asked[0].headers.authorization, 'Bearer x');
  assert.equal(asked[0].headers['content-type'], 'application/json');
  assert.deepEqual(asked[0].body, {
    user: 'ann', password: 'pw', host: '10.0.0.1', name: 'n', kind: 'STANDARD',
    tls: { version: '', commonName: 'c', dnsNames: [], uris: [], fingerprint: '' },
  });
});

test('a no is a denial', async (t) => {
  for (const status of [401, 403]) {
    const { url } = await service(t, (r) => send(r, status, 'go away'));
    const broker = await open({ url });
    assert.deepEqual(await broker.connect(ann), { verdict: 'deny', reason: `the service answers ${status}` });
  }
});

test('who shows no user is left to others', async (t) => {
  const { url, asked } = await service(t, (r) => send(r, 200, {}));
  const broker = await open({ url });
  assert.deepEqual(await broker.connect({ token: 'secret' }), { verdict: 'pass' });
  assert.equal(asked.length, 0);
});

test('what is no answer is a failure, and is not kept', async (t) => {
  for (const [name, answer, want] of [
    ['server error', (r) => send(r, 500, ''), 'it answers 500: want 200, 401 or 403'],
    ['redirect', (r) => r.writeHead(302, { location: '/elsewhere' }).end(), 'unexpected redirect'],
    ['not JSON', (r) => send(r, 200, 'yes'), 'JSON'],
    ['null', (r) => send(r, 200, 'null'), 'identity: want an object, got null'],
    ['misspelt', (r) => send(r, 200, { permisions: {} }), 'identity.permisions: there is no such key'],
    ['too long', (r) => send(r, 200, { user: 'u'.repeat(70_000) }), 'its answer has more than 65536 bytes'],
    ['hangs up', (r) => r.destroy(), 'other side closed'],
    ['silent', () => {}, 'no answer within 50 ms'],
    ['slow body', (r) => r.writeHead(200).write('{'), 'no answer within 50 ms'],
  ]) {
    const timeoutMs = want.includes('within 50 ms') ? 50 : 20_000;
    const { url, asked } = await service(t, answer);
    const broker = await open({ url, timeoutMs });
    for (let i = 1; i <= 2; i++) {
      const got = await broker.connect({ ...ann, timeoutMs: 30_000 });
      assert.equal(got.verdict, 'failed', name);
      assert.ok(got.error.includes(want), `${name}: ${got.error}`);
      assert.ok(!got.error.includes('pw'), name);
      assert.equal(asked.length, i, name);
    }
  }
});

test('nobody there is a failure', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  const broker = await open({ url: `http://127.0.0.1:${port}/` });
  const got = await broker.connect(ann);
  assert.equal(got.verdict, 'failed');
  assert.match(got.error, /asking http:\/\/127\.0\.0\.1:\d+: .*ECONNREFUSED/);
});

test('the broker is not kept waiting for longer than it wants', async (t) => {
  const { url } = await service(t, () => {});
  const broker = await open({ url, timeoutMs: 60_000 });
  const got = await broker.connect({ ...ann, timeoutMs: 20 });
  assert.deepEqual(got, { verdict: 'failed', error: 'connect: the broker does not wait any longer' });
});

test('answers are kept, by all that the service was told', async (t) => {
  const { url, asked } = await service(t, (r, { password }) => (password === 'pw' ? send(r, 200, { user: 'ann' }) : send(r, 401, '')));
  const broker = await open({ url, cache: { ttlMs: 60_000, negativeTtlMs: 60_000 } });
  for (const [question, want, times] of [
    [ann, 'allow', 1], [ann, 'allow', 1],
    [{ ...ann, password: 'no' }, 'deny', 2], [{ ...ann, password: 'no' }, 'deny', 2],
    [{ ...ann, client: { ...ann.client, host: '10.0.0.2' } }, 'allow', 3],
    [ann, 'allow', 3],
  ]) {
    assert.equal((await broker.connect(question)).verdict, want);
    assert.equal(asked.length, times);
  }
});

test('answers are not kept beyond what the identity says, nor with a time of 0', async (t) => {
  const { url, asked } = await service(t, (r) => send(r, 200, { user: 'ann', expires: 1 }));
  const broker = await open({ url, cache: { ttlMs: 60_000 } });
  await broker.connect(ann);
  await broker.connect(ann);
  assert.equal(asked.length, 2);

  const other = await service(t, (r) => send(r, 401, ''));
  const forgetful = await open({ url: other.url, cache: { negativeTtlMs: 0 } });
  await forgetful.connect(ann);
  await forgetful.connect(ann);
  assert.equal(other.asked.length, 2);
});

test('many connections at once are one question', async (t) => {
  const held = [];
  let first;
  const came = new Promise((resolve) => { first = resolve; });
  const { url, asked } = await service(t, (r) => {
    held.push(r);
    first();
  });
  const broker = await open({ url, timeoutMs: 30_000 });
  const answers = Array.from({ length: 50 }, () => broker.connect({ ...ann, timeoutMs: 30_000 }));
  await came;
  held.forEach((r) => send(r, 200, { user: 'ann' }));
  assert.ok((await Promise.all(answers)).every((a) => a.verdict === 'allow'));
  assert.equal(asked.length, 1);
});

test('a successor knows what was known, and no passwords are in it', async (t) => {
  const { url, asked } = await service(t, (r) => send(r, 200, { user: 'ann' }));
  const config = { url, cache: { ttlMs: 60_000 } };
  const first = await open(config);
  await first.connect(ann);
  const state = await first.state();
  assert.ok(!state.includes('"pw"'));
  const second = await open(config, { state });
  assert.equal((await second.connect(ann)).verdict, 'allow');
  assert.equal(asked.length, 1);
  const elsewhere = await open({ url: `${url}?other` }, { state });
  await elsewhere.connect(ann);
  assert.equal(asked.length, 2, 'what another service has said counts for nothing');
  const short = await open({ url, cache: { ttlMs: 0 } }, { state });
  await short.connect(ann);
  assert.equal(asked.length, 3, 'nor what is kept for longer than it now may');
  const odds = ['garbage', '{}', '[]', 'null', '{"key":1}', '{"key":"","entries":[5]}', '{"key":"","entries":[["k",{"identity":5},1e15]]}'];
  for (const odd of odds) { // of another version
    const third = await open(config, { state: odd });
    assert.equal((await third.connect(ann)).verdict, 'allow', odd);
  }
});

test('settings that are wrong are refused', async () => {
  const url = 'http://127.0.0.1:1/';
  for (const [config, want] of [
    [{}, /config: it has neither url nor redact/],
    [{ url: 'localhost:80' }, /config\.url/],
    [{ url, ttl: 5 }, /config\.ttl: there is no such key: want url, headers/],
    [{ url, cache: { ttl: 5 } }, /config\.cache\.ttl: there is no such key/],
    [{ url, cache: 5 }, /config\.cache: want an object/],
    [{ url, timeoutMs: 0 }, /config\.timeoutMs: want a whole number, at least 1/],
    [{ url, cache: { entries: -1 } }, /config\.cache\.entries: want a whole number, at least 0/],
    [{ redact: null }, /config\.redact: want a list of names/],
    [{ url, redact: 'card' }, /config\.redact: want a list of names/],
    [{ url, headers: { 'a b': 'c' } }, /config\.headers/],
  ]) {
    await assert.rejects(open(config), want);
  }
});
