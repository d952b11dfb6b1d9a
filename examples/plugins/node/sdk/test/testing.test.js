import assert from 'node:assert/strict';
import test from 'node:test';
import { deny } from 'moonwire-hook';
import { start } from 'moonwire-hook/testing';
import { Policy, registrations } from '../testdata/policy.js';

test('every point is asked', async () => {
  const broker = await start(new Policy(), registrations);
  const client = { id: 7, user: 'bob', account: 'A', host: 'h' };
  for (const [point, question, want] of [
    ['connect', { user: 'ann', password: 'A', client: { host: 'h' } }, { verdict: 'allow', identity: { user: 'ann', account: 'A', tags: { host: 'h' } } }],
    ['connect', { user: 'deny' }, { verdict: 'deny', reason: 'no deny' }],
    ['publish', { subject: 'p.x' }, { verdict: 'allow' }],
    ['publish', { subject: 'p.deny' }, { verdict: 'deny', reason: 'by bob' }],
    ['publish', { subject: 'p.throw' }, { verdict: 'failed', error: 'publish: by order' }],
    ['publish', { subject: 'q.x' }, { verdict: 'unasked' }],
    ['subscribe', { subject: 's.*', queue: 'no' }, { verdict: 'deny', reason: 's.*' }],
    ['subscribe', { subject: 's.*' }, { verdict: 'pass' }],
    ['rewrite', { subject: 'r.x' }, { verdict: 'replace', subject: 't.A.r.x' }],
    ['inspect', { subject: 'i.x', payload: 'pay', headers: { seen: 'a', X: 'y' } }, {
      verdict: 'replace', payload: Buffer.from('PAY'), headers: { X: ['y'], Seen: ['a30'] },
    }],
    ['inspect', { subject: 'i.x' }, { verdict: 'drop', reason: 'empty' }],
  ]) {
    assert.deepEqual(await broker[point]({ client, ...question }), want, `${point} ${JSON.stringify(question)}`);
  }
  await broker.close();
});

test('commands are kept', async () => {
  const broker = await start(new Policy(), registrations);
  for (const what of ['disconnect', 'permissions', 'invalidate']) {
    await broker.publish({ subject: `p.${what}`, client: { id: 7 } });
  }
  assert.deepEqual(broker.commands, [
    { disconnect: { of: { user: 'eve' }, reason: 'revoked' } },
    { setPermissions: { of: { id: 7 }, permissions: { publish: { deny: ['x'] } } } },
    { invalidate: {} },
  ]);
});

test('events and state', async () => {
  const first = await start(new Policy(), registrations);
  await first.event({ type: 'connect', client: { user: 'bob' } });
  await first.event({ type: 'reload' });
  const second = await start(new Policy(), registrations, { state: await first.state() });
  await second.event({ type: 'disconnect', client: { user: 'bob' } });
  assert.equal(String(await second.state()), 'connect:bob reload: disconnect:bob');
});

test('an event that is not wanted does not come, and one that throws is survived', async () => {
  const seen = [];
  const broker = await start({
    event(e) {
      seen.push([e.type, e.time.toISOString(), e.client.user]);
      throw new Error('by order');
    },
  }, [{ point: 'event', events: ['disconnect'], accounts: ['A'] }]);
  const time = new Date('2031-02-03T04:05:06.789Z');
  await broker.event({ type: 'connect', client: { account: 'A' } });
  await broker.event({ type: 'disconnect', client: { account: 'B' } });
  await broker.event({ type: 'disconnect', time, client: { account: 'A', user: 'bob' } });
  assert.deepEqual(seen, [['disconnect', time.toISOString(), 'bob']]);
});

test('a configuration that is refused', async () => {
  await assert.rejects(start(new Policy(), registrations, { config: { refuse: 'no url' } }), /the plugin refuses its configuration: no url/);
  await assert.rejects(start(new Policy(), registrations, { configs: {} }), /options\.configs: there is no such key/);
});

test('only what the registration names is sent', async () => {
  let seen;
  const see = (m) => { seen = [m.client.user, m.client.account, m.client.tags, m.get('A'), m.get('B'), m.payload.toString(), m.size]; };
  const question = {
    subject: 'a', client: { user: 'u', account: 'A', tags: { x: '1', y: '2' } }, headers: { A: '1', B: '2' }, payload: 'p',
  };
  for (const [fields, want] of [
    [undefined, ['u', 'A', { x: '1', y: '2' }, '1', '2', 'p', 25]],
    [['user', 'size'], ['u', '', {}, undefined, undefined, '', 25]],
    [['tags.x', 'header.b', 'payload'], ['', '', { x: '1' }, undefined, '2', 'p', 0]],
    [['tags', 'headers'], ['', '', { x: '1', y: '2' }, '1', '2', '', 0]],
  ]) {
    const broker = await start({ publish: see }, [{ point: 'publish', fields }]);
    await broker.publish(question);
    assert.deepEqual(seen, want, String(fields));
  }
});

test('secrets have to be named, but at connect', async () => {
  for (const [fields, want] of [[undefined, 'ann/pw'], [['connect'], 'ann/'], [['secrets'], '/pw']]) {
    const broker = await start({ connect: (r) => deny(`${r.user}/${r.password}`) }, [{ point: 'connect', fields }]);
    assert.equal((await broker.connect({ user: 'ann', password: 'pw' })).reason, want);
  }
});

test('patterns', async () => {
  for (const [pattern, subject, is] of [
    ['a.b', 'a.b', true], ['a.b', 'a.c', false], ['a.*', 'a.b', true], ['a.*', 'a.b.c', false], ['a.*', 'a', false],
    ['a.>', 'a.b.c', true], ['a.>', 'a', false], ['>', 'a', true], ['a.b', 'a.*', true], ['a.b', '>', true], ['a.b', 'a.b.>', false],
    ['*.b', 'a.>', true], ['a.*', 'b.>', false],
  ]) {
    const broker = await start({ subscribe: () => deny() }, [{ point: 'subscribe', subjects: [pattern] }]);
    const { verdict } = await broker.subscribe({ subject });
    assert.equal(verdict, is ? 'deny' : 'unasked', `${pattern} and ${subject}`);
  }
});
