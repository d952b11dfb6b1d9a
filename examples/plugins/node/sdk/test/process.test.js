// A plugin in a process of its own, with a broker of grpc-js in the place of the
// real one.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import grpc from '@grpc/grpc-js';
import { selfSigned } from '../lib/certificate.js';
import { POINTS, VERDICTS, controllerService, healthService, hookService } from '../lib/protocol.js';

const program = fileURLToPath(new URL('../testdata/policy.js', import.meta.url));

/** Reads a stream to its end. */
async function all(stream) {
  let text = '';
  for await (const chunk of stream.setEncoding('utf8')) {
    text += chunk;
  }
  return text;
}

/** Runs the program to its end: its status and what it printed. */
async function run(env) {
  const child = spawn(process.execPath, [program], { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  const [[code], stdout, stderr] = await Promise.all([once(child, 'exit'), all(child.stdout), all(child.stderr)]);
  return { code, stdout, stderr };
}

/** Starts the program as a broker does. */
async function start(t, { mtls = true, cert } = {}) {
  const dir = await mkdtemp(join(tmpdir(), 'hook-'));
  const own = selfSigned();
  const env = { PATH: process.env.PATH, MOONWIRE_HOOK: 'c0f6d4e0-hook', PLUGIN_PROTOCOL_VERSIONS: '1', PLUGIN_UNIX_SOCKET_DIR: dir };
  if (mtls) {
    env.PLUGIN_CLIENT_CERT = own.cert;
  }
  const child = spawn(process.execPath, [program], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const exited = once(child, 'exit');
  let stdout = '';
  const stderr = all(child.stderr);
  for await (const chunk of child.stdout.setEncoding('utf8').iterator({ destroyOnReturn: false })) {
    stdout += chunk;
    if (stdout.includes('\n')) {
      break;
    }
  }
  child.stdout.on('data', (chunk) => { stdout += chunk; });
  const fields = stdout.trimEnd().split('|');
  let credentials = grpc.credentials.createInsecure();
  if (mtls) {
    const server = new X509Certificate(Buffer.from(fields[5], 'base64'));
    const shown = cert ?? own;
    credentials = grpc.credentials.createSsl(Buffer.from(server.toString()), Buffer.from(shown.key), Buffer.from(shown.cert));
  }
  const client = (definition) => new (grpc.makeGenericClientConstructor(definition, 'x'))(
    `unix:${fields[3]}`, credentials, { 'grpc.ssl_target_name_override': 'localhost', 'grpc.default_authority': 'localhost' },
  );
  const clients = [hookService, healthService, controllerService].map(client);
  t.after(async () => {
    clients.forEach((c) => c.close());
    child.kill('SIGKILL');
    await exited;
    await rm(dir, { recursive: true });
  });
  const [hook, health, controller] = clients;
  return { child, dir, fields, exited, stderr, stdout: () => stdout, hook, health, controller };
}

/** Calls a unary method. */
const call = (client, method, request) => new Promise((resolve, reject) => {
  client[method](request, { deadline: Date.now() + 10_000 }, (error, answer) => (error ? reject(error) : resolve(answer)));
});

test('a program that was started by hand says what it is', async () => {
  const { code, stdout, stderr } = await run({});
  assert.equal(code, 1);
  assert.match(stdout, /^printed before/);
  assert.match(stderr, /is a plugin of the Moonwire broker/);
});

test('a broker that speaks another version is told so', async () => {
  const { code, stdout, stderr } = await run({ MOONWIRE_HOOK: 'c0f6d4e0-hook', PLUGIN_PROTOCOL_VERSIONS: '2,3' });
  assert.equal(code, 1);
  assert.equal(stdout, '');
  assert.match(stderr, /the broker speaks the versions 2, 3 of the hook protocol, and this plugin 1/);
});

test('a socket that cannot be made is told', async () => {
  const { code, stderr } = await run({ MOONWIRE_HOOK: 'c0f6d4e0-hook', PLUGIN_UNIX_SOCKET_DIR: '/nonexistent' });
  assert.equal(code, 1);
  assert.match(stderr, /listening on \/nonexistent\/hook-/);
});

test('the life of a plugin', async (t) => {
  const p = await start(t);
  assert.deepEqual([p.fields.length, ...p.fields.slice(0, 3), p.fields[4]], [6, '1', '1', 'unix', 'grpc']);
  assert.equal(join(p.fields[3], '..'), p.dir);
  assert.doesNotMatch(p.fields[5], /=/);

  assert.equal((await call(p.health, 'Check', { service: 'plugin' })).status, 1);
  await assert.rejects(call(p.health, 'Check', { service: 'other' }), { code: grpc.status.NOT_FOUND });

  const refused = await call(p.hook, 'Configure', { config: Buffer.from('{"refuse":"no url"}') });
  assert.equal(refused.error, 'no url');
  const said = await call(p.hook, 'Configure', { config: Buffer.from('{}'), state: Buffer.from('before') });
  assert.deepEqual([said.error, said.version], ['', 'test-1']);
  assert.deepEqual(said.registrations.map((r) => r.point), ['connect', 'publish', 'subscribe', 'rewrite', 'inspect', 'event'].map((n) => POINTS[n]));

  await call(p.hook, 'Notify', { events: [{ type: 'connect', client: { user: 'bob' } }, { type: 'reload' }] });
  assert.equal(String((await call(p.hook, 'Handover', {})).state), 'before connect:bob reload:');

  const stream = p.hook.Stream();
  stream.on('error', () => {}); // the process ends below it
  stream.write({
    clients: [{ ref: 1, user: 'bob' }],
    requests: ['p.x', 'p.deny', 'p.noise', 'p.disconnect'].map((s, i) => ({ id: i + 1, point: POINTS.publish, client: 1, subject: Buffer.from(s) })),
  });
  const [frame] = await once(stream, 'data');
  assert.deepEqual(frame.replies.map((r) => [Number(r.id), r.verdict, r.reason]), [
    [1, VERDICTS.allow, ''], [2, VERDICTS.deny, 'by bob'], [3, VERDICTS.allow, ''], [4, VERDICTS.allow, ''],
  ]);
  assert.equal(frame.commands[0].disconnect.of.user, 'eve');

  const asked = performance.now();
  await call(p.controller, 'Shutdown', {});
  const [code] = await p.exited;
  assert.equal(code, 0);
  const took = performance.now() - asked;
  assert.ok(took < 1000, `the end took ${took} ms`);
  assert.equal(p.stdout().split('\n').length, 2, 'nothing but the handshake is on the standard output');
  const lines = (await p.stderr).trimEnd().split('\n');
  assert.equal(lines[0], 'printed before the handshake');
  assert.equal(lines[1], 'a line of noise');
  assert.deepEqual(JSON.parse(lines[2]), { '@level': 'warn', '@message': 'a line of the log', user: 'bob' });
});

test('a state that cannot be had is not none', async (t) => {
  const p = await start(t, { mtls: false });
  await call(p.hook, 'Configure', { config: Buffer.from('{}') });
  await call(p.hook, 'Notify', { events: [{ type: 'disconnect', client: { user: 'fail' } }] });
  await assert.rejects(call(p.hook, 'Handover', {}), { code: grpc.status.UNKNOWN, details: 'no store' });
});

test('signals are for the broker', async (t) => {
  const p = await start(t, { mtls: false });
  p.child.kill('SIGTERM');
  p.child.kill('SIGINT');
  assert.equal((await call(p.health, 'Check', { service: 'plugin' })).status, 1);
  await call(p.controller, 'Shutdown', {});
  assert.deepEqual(await p.exited, [0, null]);
});

test('without TLS', async (t) => {
  const p = await start(t, { mtls: false });
  assert.equal(p.fields[5], '');
  assert.equal((await call(p.health, 'Check', { service: 'plugin' })).status, 1);
});

test('a client with another certificate is not served', async (t) => {
  const p = await start(t, { cert: selfSigned() });
  await assert.rejects(call(p.health, 'Check', { service: 'plugin' }), { code: grpc.status.UNAVAILABLE });
});

test('a frame that is none ends the stream, and not the process', async (t) => {
  const p = await start(t, { mtls: false });
  const path = hookService.Stream.path;
  const stream = p.hook.makeBidiStreamRequest(path, (b) => b, (b) => b);
  stream.write(Buffer.from([0x0a, 0x05, 0x01]));
  const [error] = await once(stream, 'error');
  assert.notEqual(error.code, grpc.status.OK);
  assert.equal((await call(p.health, 'Check', { service: 'plugin' })).status, 1);
});

test('and puts its things away though nobody reads its log', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'hook-'));
  const script = `
    const { spawn } = require('node:child_process');
    const child = spawn(process.execPath, [${JSON.stringify(program)}], { stdio: ['ignore', 'pipe', 'pipe', 3] });
    child.stdout.once('data', () => process.kill(process.pid, 'SIGKILL'));
  `;
  const env = { PATH: process.env.PATH, MOONWIRE_HOOK: 'c0f6d4e0-hook', PLUGIN_UNIX_SOCKET_DIR: dir, TOLD: '3' };
  const between = spawn(process.execPath, ['-e', script], { env, stdio: ['ignore', 'ignore', 'inherit', 'pipe'] });
  assert.equal(await all(between.stdio[3]), 'closed');
  await rm(dir, { recursive: true });
});

test('the process ends when the broker has died', async () => {
  // A process between, which starts the plugin and dies.
  const dir = await mkdtemp(join(tmpdir(), 'hook-'));
  const script = `
    const { spawn } = require('node:child_process');
    const child = spawn(process.execPath, [${JSON.stringify(program)}], { stdio: ['ignore', 'pipe', 'inherit'] });
    child.stdout.once('data', () => { console.log(child.pid); process.exit(0); });
  `;
  const env = { PATH: process.env.PATH, MOONWIRE_HOOK: 'c0f6d4e0-hook', PLUGIN_UNIX_SOCKET_DIR: dir };
  const between = spawn(process.execPath, ['-e', script], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const [pid] = await Promise.all([all(between.stdout), once(between, 'exit')]);
  assert.match(pid, /^\d+\n$/);
  // The plugin holds the standard error open: it ends with it.
  assert.match(await all(between.stderr), /"@message":"closed"/);
  await rm(dir, { recursive: true });
});
