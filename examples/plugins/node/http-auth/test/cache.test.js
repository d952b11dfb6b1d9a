import assert from 'node:assert/strict';
import test from 'node:test';
import { Cache } from '../cache.js';

test('an entry is there until its time', () => {
  const c = new Cache(10);
  c.set('a', 1, 100, 0);
  assert.equal(c.get('a', 99), 1);
  assert.equal(c.get('a', 100), undefined);
  assert.equal(c.get('a', 99), undefined, 'it is gone for good');
  c.set('b', 1, 100, 100);
  assert.equal(c.get('b', 50), undefined, 'what has ended is not kept');
});

test('the one that was not looked at makes place', () => {
  const c = new Cache(2);
  c.set('a', 1, 100, 0);
  c.set('b', 2, 100, 0);
  c.get('a', 1);
  c.set('c', 3, 50, 1);
  assert.deepEqual(['a', 'b', 'c'].map((k) => c.get(k, 2)), [1, undefined, 3]);
  c.set('c', 4, 50, 2); // the same key takes no place of another
  assert.deepEqual(c.entries(3), [['a', 1, 100], ['c', 4, 50]]);
  assert.deepEqual(c.entries(60), [['a', 1, 100]]);
});

test('no room, no entries', () => {
  const c = new Cache(0);
  c.set('a', 1, 100, 0);
  assert.equal(c.get('a', 1), undefined);
});
