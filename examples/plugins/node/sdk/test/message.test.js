import assert from 'node:assert/strict';
import { inspect as print } from 'node:util';
import test from 'node:test';
import { start } from 'moonwire-hook/testing';

/** What becomes of a message that inspect does something to. */
async function changed(change, question) {
  const broker = await start({ inspect: change });
  return broker.inspect({ subject: 'a', ...question });
}

test('headers are read in any case', async () => {
  let seen;
  await changed((m) => {
    seen = [m.get('x-a'), m.values('X-A'), m.get('none'), m.values('none'), m.get('x')];
  }, { headers: { 'X-a': ['1', '2'], X: 'ü' } });
  assert.deepEqual(seen, ['1', ['1', '2'], undefined, [], 'ü']);
});

test('who is not shown all headers cannot change one', async () => {
  for (const [fields, why] of [
    [[], ''], [['headers', 'payload'], ''], [['tags', 'headers'], ''],
    [['payload'], 'inspect: headers: the registration'], [['header.A'], 'inspect: headers: the registration'],
    [['headers', 'header.A'], 'inspect: headers: the registration'],
  ]) {
    for (const change of [(m) => m.setHeader('N', '1'), (m) => m.deleteHeader('A')]) {
      const broker = await start({ inspect: change }, [{ point: 'inspect', fields }]);
      const got = await broker.inspect({ subject: 'a', headers: { A: '1', B: '2' } });
      assert.equal((got.error ?? '').slice(0, why.length || 9), why, JSON.stringify([fields, got]));
      assert.equal(why || got.headers.B[0], why || '2');
    }
  }
});

test('a payload is as it was when it was set', async () => {
  const scratch = Buffer.alloc(1); // of a plugin that saves memory
  const broker = await start({
    inspect(m) {
      m.payload.copy(scratch);
      m.payload = scratch;
    },
  });
  const answers = await Promise.all(['a', 'b'].map((payload) => {
    const answer = broker.inspect({ subject: 'a', payload });
    scratch[0] = 0x78;
    return answer;
  }));
  const late = await start({
    async inspect(m) {
      m.payload = scratch;
      queueMicrotask(() => { scratch[0] = 0x79; });
    },
  });
  assert.deepEqual([...answers, await late.inspect({ subject: 'a' })].map((a) => a.payload.toString()), ['a', 'b', 'x']);
});

test('a message that has become too large is a failure of its own', async () => {
  const grow = (n) => changed((m) => { m.payload = Buffer.alloc(n); }, { maxPayload: n === 2 ** 26 + 1 ? 0 : 100 });
  assert.deepEqual(await grow(101), { verdict: 'failed', error: 'inspect: the message has 101 bytes after the change: at most 100' });
  assert.equal((await grow(100)).verdict, 'replace');
  assert.equal((await grow(2 ** 26 + 1)).error, 'inspect: the message has 67108865 bytes after the change: at most 67108864');
});

test('changes', async () => {
  const headers = { A: ['1', '2'], B: 'b' };
  for (const [name, change, question, want] of [
    ['nothing', () => {}, { payload: 'x' }, { verdict: 'pass' }],
    ['payload', (m) => { m.payload = 'ü'; }, { payload: 'x' }, { verdict: 'replace', payload: Buffer.from('ü') }],
    ['bytes', (m) => { m.payload = new Uint8Array([255, 0]); }, { payload: 'x' }, { verdict: 'replace', payload: Buffer.from([255, 0]) }],
    ['no payload', (m) => { m.payload = ''; }, { payload: 'x' }, { verdict: 'replace', payload: Buffer.alloc(0) }],
    ['first header', (m) => m.setHeader('N', 'v'), {}, { verdict: 'replace', headers: { N: ['v'] } }],
    ['another header', (m) => m.setHeader('N', 'ü'), { headers }, { verdict: 'replace', headers: { ...headers, B: ['b'], N: ['ü'] } }],
    ['in place of all', (m) => m.setHeader('a', '3'), { headers }, { verdict: 'replace', headers: { B: ['b'], a: ['3'] } }],
    ['delete', (m) => m.deleteHeader('a'), { headers }, { verdict: 'replace', headers: { B: ['b'] } }],
    ['delete all', (m) => { m.deleteHeader('A'); m.deleteHeader('B'); }, { headers }, { verdict: 'replace', headers: {} }],
    ['delete none', (m) => m.deleteHeader('C'), { headers }, { verdict: 'pass' }],
    ['what was changed is read', (m) => { m.setHeader('C', m.get('A')); m.payload = m.get('c'); }, { headers }, {
      verdict: 'replace', headers: { ...headers, B: ['b'], C: ['1'] }, payload: Buffer.from('1'),
    }],
  ]) {
    assert.deepEqual(await changed(change, question), want, name);
  }
});

test('a header that would break the block is refused', async () => {
  for (const [name, value] of [['', 'v'], ['a b', 'v'], ['a:', 'v'], ['ü', 'v'], ['a', 'v\r\nb: c'], ['a', '\0'], ['a\r\n', 'v'], ['a', 5]]) {
    const got = await changed((m) => m.setHeader(name, value), {});
    assert.match(got.error ?? '', /printable letters without colon/, JSON.stringify([name, value]));
  }
});

test('bytes that are no text stay as they are', async () => {
  let subject;
  const odd = Buffer.from([0x61, 0x2e, 0xff]);
  await changed((m) => { subject = [m.subjectBytes, m.subject]; }, { subject: odd });
  assert.deepEqual(subject, [odd, 'a.\ufffd']);
});

test('secrets do not show', async () => {
  let shown;
  let password;
  const broker = await start({
    connect(request) {
      shown = print(request) + JSON.stringify(request);
      password = request.password;
    },
  });
  await broker.connect({ user: 'ann', password: 's3cr3t' });
  assert.equal(password, 's3cr3t');
  assert.ok(shown.includes('ann') && !shown.includes('s3cr3t'), shown);
});

test('what nobody has is empty', async () => {
  let seen;
  const broker = await start({ publish(m) { seen = [m.client.user, m.client.tags, m.payload, m.header, m.reply, m.originalSubject]; } }, [
    { point: 'publish', fields: ['subject'] },
  ]);
  await broker.publish({ subject: 'a', client: { user: 'bob', tags: { a: 'b' } }, payload: 'x' });
  assert.deepEqual(seen, ['', {}, Buffer.alloc(0), Buffer.alloc(0), '', '']);
});
