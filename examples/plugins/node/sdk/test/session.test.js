import assert from 'node:assert/strict';
import test from 'node:test';
import protobuf from 'protobufjs';
import { allow, deny } from 'moonwire-hook';
import { POINTS, VERDICTS, type } from '../lib/protocol.js';
import { Service } from '../lib/service.js';
import { Session } from '../lib/session.js';

const Batch = type('Batch');
const { Long } = protobuf.util;

/** A session whose frames are kept, and which says when there is another one. */
function open(plugin) {
  const frames = [];
  let wake = () => {};
  const service = new Service(plugin);
  const session = new Session(service, (replies) => {
    frames.push(replies);
    wake();
  });
  return {
    service,
    session,
    frames,
    ask: (...requests) => session.frame(Batch.decode(Batch.encode({
      requests: requests.map((r) => ({ point: POINTS.publish, ...r, subject: Buffer.from(r.subject ?? 'a') })),
    }).finish())),
    /** Waits until there are n frames. */
    async until(n) {
      while (frames.length < n) {
        await new Promise((resolve) => { wake = resolve; });
      }
      return frames.map((f) => f.replies.map((r) => Number(r.id)));
    },
  };
}

test('a frame of ready answers is answered in one frame, at once', () => {
  const s = open({ publish: () => allow() });
  s.ask(...Array.from({ length: 256 }, (_, i) => ({ id: i + 1 })));
  assert.equal(s.frames.length, 1);
  assert.deepEqual(s.frames[0].replies.map((r) => Number(r.id)), Array.from({ length: 256 }, (_, i) => i + 1));
});

test('answers of async methods that wait for nothing go in one frame', async () => {
  const s = open({ publish: async () => { await null; return allow(); } });
  s.ask(...Array.from({ length: 256 }, (_, i) => ({ id: i + 1 })));
  assert.equal((await s.until(1))[0].length, 256);
});

test('who waits does not hold up the others', async () => {
  let release;
  const slow = new Promise((resolve) => { release = resolve; });
  const s = open({ publish: (m) => (m.subject === 'slow' ? slow : allow()) });
  s.ask({ id: 1 }, { id: 2, subject: 'slow' }, { id: 3 });
  assert.deepEqual(await s.until(1), [[1, 3]]);
  release(deny('late'));
  assert.deepEqual(await s.until(2), [[1, 3], [2]]);
  assert.equal(s.frames[1].replies[0].verdict, VERDICTS.deny);
});

test('a request id keeps all of its 64 bits', () => {
  const s = open({ publish: () => allow() });
  const frame = Buffer.from('120e08ffffffffffffffffff0118032a0161', 'hex'); // id 2^64-1, point 3, subject "a"
  frame[1] = frame.length - 2;
  s.session.frame(Batch.decode(frame));
  assert.equal(String(s.frames[0].replies[0].id), '18446744073709551615');
  const Replies = type('Replies');
  assert.equal(String(Replies.decode(Replies.encode(s.frames[0]).finish()).replies[0].id), '18446744073709551615');
});

test('a point that is unknown, or without a method, is an error', () => {
  const s = open({ publish: () => allow() });
  s.ask({ id: 1, point: 99 }, { id: 2, point: POINTS.inspect }, { id: 3, point: POINTS.event }, { id: 4, point: 0 });
  assert.deepEqual(s.frames[0].replies.map((r) => r.error), [
    'the plugin is not for the point 99',
    'the plugin is not for the point inspect',
    'the plugin is not for the point event',
    'the plugin is not for the point 0',
  ]);
});

test('clients are known by ref until they are gone', () => {
  const seen = [];
  const s = open({ publish: (m) => { seen.push(m.client); } });
  const frame = (f) => s.session.frame(Batch.decode(Batch.encode(f).finish()));
  const request = { id: 1, point: POINTS.publish, client: 7 };
  frame({ clients: [{ ref: 7, id: 3, user: 'bob' }], requests: [request] });
  frame({ requests: [request] });
  frame({ gone: [7], requests: [request] });
  frame({ requests: [request, { ...request, client: 0 }] });
  assert.deepEqual(seen.map((c) => c.user), ['bob', 'bob', 'bob', '']);
  assert.deepEqual(s.frames.at(-1).replies.map((r) => r.error ?? ''), ['the broker has not said who client 7 is', '']);
  assert.equal(seen[0], seen[1]);
  assert.throws(() => { seen[0].user = 'eve'; }, TypeError);
});

test('clients are told apart though their refs are no numbers of JavaScript', () => {
  const seen = [];
  const s = open({ publish: (m) => { seen.push(m.client.user); } });
  const ref = (low) => Long.fromString(`9007199254740${low}`, true); // 2^53 is …992
  const request = (low) => ({ id: 1, point: POINTS.publish, client: ref(low) });
  const frame = (f) => s.session.frame(Batch.decode(Batch.encode(f).finish()));
  frame({ clients: [{ ref: ref(992), user: 'ann' }, { ref: ref(993), user: 'bob' }], requests: [request(992), request(993)] });
  frame({ gone: [ref(992)], requests: [] });
  frame({ requests: [request(993)] });
  assert.deepEqual(seen, ['ann', 'bob', 'bob']);
});

test('many commands come in many frames', async () => {
  const s = open({ publish: () => allow() });
  for (let i = 0; i < 2500; i++) {
    s.service.broker.disconnect({ user: `u${i}` });
  }
  await s.until(3);
  const sent = s.frames.flatMap((f) => f.commands.map((c) => c.disconnect.of.user));
  assert.deepEqual(s.frames.map((f) => f.commands.length), [1000, 1000, 500]);
  assert.deepEqual([sent[0], sent[1000], sent[2499]], ['u0', 'u1000', 'u2499']);
});

test('the signal is aborted when the time is over', async () => {
  const s = open({
    publish: (_, context) => new Promise((resolve) => {
      assert.ok(context.timeLeftMs <= 5);
      context.signal.addEventListener('abort', () => resolve(deny(context.signal.reason.message)));
    }),
  });
  s.ask({ id: 1, timeoutMs: 5 });
  await s.until(1);
  assert.equal(s.frames[0].replies[0].reason, 'the broker does not wait any longer');
});

test('the signal is aborted when the stream ends, and nothing is sent', async () => {
  let context;
  const s = open({
    publish: (_, c) => {
      context = c;
      return new Promise((resolve) => { c.signal.addEventListener('abort', resolve); });
    },
  });
  s.ask({ id: 1 });
  assert.equal(context.timeLeftMs, Infinity);
  s.session.close();
  assert.equal(context.signal.aborted, true);
  await new Promise(setImmediate);
  await new Promise(setImmediate);
  assert.equal(s.frames.length, 0);
});

test('a signal that is taken after the answer is never aborted', async () => {
  let context;
  const s = open({ publish: (_, c) => { context = c; return allow(); } });
  s.ask({ id: 1, timeoutMs: 1 });
  assert.equal(context.signal.aborted, false);
  s.session.close();
  assert.equal(context.signal.aborted, false);
});

test('commands go without answers, and wait for a stream', async () => {
  const service = new Service({ publish: () => allow() });
  service.broker.invalidate();
  service.broker.disconnect({ tags: { a: 'b' } });
  const sent = new Promise((resolve) => { new Session(service, resolve); });
  assert.deepEqual(await sent, {
    replies: [],
    commands: [{ invalidate: {} }, { disconnect: { of: { tags: { a: 'b' } }, reason: '' } }],
  });
});

test('commands that say nothing are refused', () => {
  const { broker } = new Service({ publish: () => allow() });
  for (const [command, want] of [
    [() => broker.disconnect({}), /disconnect: nothing is set/],
    [() => broker.disconnect({ tags: {} }), /disconnect: nothing is set/],
    [() => broker.disconnect({ name: 'x' }), /disconnect\.name: there is no such key/],
    [() => broker.setPermissions({ user: 'u' }), /setPermissions: say which permissions, or null/],
    [() => broker.setPermissions({ user: 'u' }, { publish: { alow: [] } }), /permissions\.publish\.alow/],
  ]) {
    assert.throws(command, want);
  }
  assert.deepEqual(broker.take(), []);
});
