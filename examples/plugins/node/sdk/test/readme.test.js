// The examples of the README do what it says.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';

const home = fileURLToPath(new URL('..', import.meta.url));

/** Runs Node in a folder. The test runner's own environment would have it report to that. */
const node = (cwd, ...args) => new Promise((resolve) => {
  const { NODE_TEST_CONTEXT, ...env } = process.env;
  execFile(process.execPath, args, { cwd, env }, (error, stdout, stderr) => resolve({ code: error?.code ?? 0, stdout, stderr }));
});

test('the examples of the README', async (t) => {
  const dir = await mkdtemp(join(tmpdir(), 'hook-readme-'));
  t.after(() => rm(dir, { recursive: true }));
  await mkdir(join(dir, 'node_modules'));
  await symlink(home, join(dir, 'node_modules', 'moonwire-hook'));
  await writeFile(join(dir, 'package.json'), '{"type": "module"}');
  const text = await readFile(join(home, 'README.md'), 'utf8');
  const files = [...text.matchAll(/```js\n\/\/ (\S+)\n([^]*?)```/g)];
  assert.deepEqual(files.map((f) => f[1]), ['orders.js', 'main.js', 'orders.test.js']);
  for (const [, name, source] of files) {
    await writeFile(join(dir, name), source);
  }
  const tests = await node(dir, '--test');
  assert.equal(tests.code, 0, tests.stdout + tests.stderr);
  assert.match(tests.stdout, /pass 3\b/);
  const main = await node(dir, 'main.js');
  assert.equal(main.code, 1);
  assert.match(main.stderr, /is a plugin of the Moonwire broker/);
});
