import assert from 'node:assert/strict';
import test from 'node:test';
import { Service } from '../lib/service.js';
import { FIELDS, POINTS } from '../lib/protocol.js';

const plugin = { publish() {}, connect() {}, event() {} };

test('a method without registration is asked about everything', () => {
  const { registrations } = new Service(plugin, [{ point: 'publish', subjects: ['a'] }]);
  assert.deepEqual(registrations.map((r) => r.point), [POINTS.publish, POINTS.connect, POINTS.event]);
  assert.ok(registrations[1].fields.includes(FIELDS.secrets), 'at connect with secrets');
  assert.deepEqual(registrations[2].fields, []);
});

test('registrations may follow from the settings', async () => {
  const ask = (registrations, config = '{"publish":["a"]}') => new Service(plugin, registrations).configure({ config: Buffer.from(config), state: [] });
  const said = await ask(({ config }) => [{ point: 'publish', subjects: config.publish }]);
  assert.deepEqual(said.registrations.map((r) => [r.point, String(r.subjects)]), [[POINTS.publish, 'a']]);
  assert.match((await ask(() => [{ point: 'inspect' }])).error, /registrations\[0\]: the plugin has no method inspect/);
  assert.match((await ask(() => {})).error, /registrations: want a list, got undefined/);
  assert.match((await ask(() => { throw new Error('by order'); })).error, /by order/);
});

test('fields', () => {
  const [r] = new Service(plugin, [{
    point: 'publish',
    fields: ['subject', 'tags.role', 'header.X'],
    cache: { by: ['subject', 'user', 'tags.role', 'header.X'], ttlMs: 1000, negativeTtlMs: 5 },
  }]).registrations;
  assert.deepEqual([r.fields, r.tags, r.headers], [[FIELDS.subject], ['role'], ['X']]);
  assert.deepEqual(r.cache, { by: [FIELDS.subject, FIELDS.user], tags: ['role'], headers: ['X'], ttlMs: 1000, negativeTtlMs: 5 });
});

test('what is wrong is refused', () => {
  for (const [p, list, want] of [
    [undefined, [], /plugin: want an object with methods, got undefined/],
    [{}, [], /the plugin has none of the methods connect, rewrite, publish, subscribe, inspect, event/],
    [plugin, {}, /registrations: want a list, got an object/],
    [plugin, [{}], /registrations\[0\]\.point: undefined is no point/],
    [plugin, [{ point: 'toString' }], /"toString" is no point/],
    [plugin, [{ point: 'inspect' }], /registrations\[0\]: the plugin has no method inspect/],
    [plugin, [{ point: 'publish', subject: 'a' }], /registrations\[0\]\.subject: there is no such key: want point, subjects/],
    [plugin, [{ point: 'publish', subjects: 'a' }], /registrations\[0\]\.subjects: want a list of strings, got a string/],
    [plugin, [{ point: 'publish', fields: ['body'] }], /"body" is no field: want user, account/],
    [plugin, [{ point: 'publish', fields: ['tags.'] }], /"tags\." is no field/],
    [plugin, [{ point: 'publish', maxPayload: -1 }], /registrations\[0\]\.maxPayload: want a whole number from 0/],
    [plugin, [{ point: 'publish', cache: { ttl: 5 } }], /registrations\[0\]\.cache\.ttl: there is no such key/],
    [plugin, [{ point: 'event', events: ['boot'] }], /"boot" is no event: want connect, disconnect/],
  ]) {
    assert.throws(() => new Service(p, list), want);
  }
});
