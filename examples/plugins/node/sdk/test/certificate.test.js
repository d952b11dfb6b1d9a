import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import test from 'node:test';
import tls from 'node:tls';
import { selfSigned, time } from '../lib/certificate.js';

test('the certificate says what it should', () => {
  const now = new Date('2031-02-03T04:05:06.789Z');
  const own = selfSigned(now);
  const c = new X509Certificate(own.cert);
  assert.deepEqual(c.raw, own.der);
  assert.equal(c.subject, 'CN=localhost');
  assert.equal(c.issuer, 'CN=localhost');
  assert.equal(c.subjectAltName, 'DNS:localhost');
  assert.equal(new Date(c.validFrom).toISOString(), '2031-02-03T04:04:06.000Z');
  assert.equal(new Date(c.validTo).toISOString(), '2051-02-03T04:05:06.000Z');
  assert.equal(c.publicKey.asymmetricKeyDetails.namedCurve, 'prime256v1');
  assert.ok(c.verify(c.publicKey), 'its signature is its own');
  assert.equal(c.checkHost('localhost'), 'localhost');
});

test('each has its own key and serial number', () => {
  const [a, b] = [selfSigned(), selfSigned()];
  const [x, y] = [a, b].map(({ cert }) => new X509Certificate(cert));
  assert.notEqual(a.key, b.key);
  assert.notEqual(x.serialNumber, y.serialNumber);
  assert.match(x.serialNumber, /^[4-7][0-9A-F]{31}$/); // positive, 16 bytes
});

test('times are in the form of their year', () => {
  for (const [date, want] of [
    ['2049-12-31T23:59:59Z', '\x17\x0d491231235959Z'],
    ['2050-01-01T00:00:00Z', '\x18\x0f20500101000000Z'],
  ]) {
    assert.equal(time(new Date(date)).toString('latin1'), want);
  }
});

test('a TLS client that trusts it alone takes it', async () => {
  const own = selfSigned();
  const server = tls.createServer({ key: own.key, cert: own.cert }, (socket) => socket.end('hello'));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const socket = tls.connect({ port: server.address().port, host: '127.0.0.1', servername: 'localhost', ca: own.cert });
  const [data] = await once(socket, 'data');
  assert.equal(String(data), 'hello');
  assert.equal(socket.authorized, true);
  socket.end();
  server.close();
  await once(server, 'close');
});
