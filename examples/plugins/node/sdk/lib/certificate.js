// A certificate of the plugin's own, for the TLS between it and the broker. Node
// makes keys and signatures, but no certificates; the few fields that one needs are
// written here in DER, the encoding of X.509 (RFC 5280).
import { generateKeyPairSync, randomBytes, sign } from 'node:crypto';

const BOOLEAN = 0x01;
const INTEGER = 0x02;
const BIT_STRING = 0x03;
const OCTET_STRING = 0x04;
const OID = 0x06;
const UTF8 = 0x0c;
const UTC_TIME = 0x17;
const GENERALIZED_TIME = 0x18;
const SEQUENCE = 0x30;
const SET = 0x31;
const DNS_NAME = 0x82; // of a GeneralName
const explicit = (n) => 0xa0 | n;

/** One element: its tag, the length of its content, and the content. */
function der(tag, ...parts) {
  const content = Buffer.concat(parts);
  const n = content.length;
  // No more than 65535 bytes are ever needed here.
  const length = n < 0x80 ? [n] : n < 0x100 ? [0x81, n] : [0x82, n >> 8, n & 0xff];
  return Buffer.concat([Buffer.from([tag, ...length]), content]);
}

/** An object identifier from its encoded content. */
const oid = (...content) => der(OID, Buffer.from(content));

const ECDSA_WITH_SHA256 = oid(0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02); // 1.2.840.10045.4.3.2
const COMMON_NAME = oid(0x55, 0x04, 0x03); // 2.5.4.3
const KEY_USAGE = oid(0x55, 0x1d, 0x0f); // 2.5.29.15
const SUBJECT_ALT_NAME = oid(0x55, 0x1d, 0x11); // 2.5.29.17

const extension = (id, critical, value) => der(
  SEQUENCE,
  id,
  ...(critical ? [der(BOOLEAN, Buffer.from([0xff]))] : []),
  der(OCTET_STRING, value),
);

/** A time, in the form that RFC 5280 wants for its year. */
export function time(date) {
  const digits = date.toISOString().replace(/[-:T]|\.\d+/g, ''); // 20240131235959Z
  return date.getUTCFullYear() < 2050
    ? der(UTC_TIME, Buffer.from(digits.slice(2)))
    : der(GENERALIZED_TIME, Buffer.from(digits));
}

/** A positive number of 16 random bytes. */
function serial() {
  const b = randomBytes(16);
  b[0] = (b[0] & 0x7f) | 0x40; // positive, and without a superfluous zero
  return der(INTEGER, b);
}

/**
 * A new key and a certificate for localhost, signed with it, as the broker wants
 * to see it.
 * @param {Date} [now]
 * @returns {{ key: string, cert: string, der: Buffer }} key and cert in PEM
 */
export function selfSigned(now = new Date()) {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const algorithm = der(SEQUENCE, ECDSA_WITH_SHA256);
  const name = der(SEQUENCE, der(SET, der(SEQUENCE, COMMON_NAME, der(UTF8, Buffer.from('localhost')))));
  const from = new Date(now.getTime() - 60_000); // clocks of one machine, but they are set back at times
  const until = new Date(now);
  until.setUTCFullYear(now.getUTCFullYear() + 20); // longer than any process lives
  const body = der(
    SEQUENCE,
    der(explicit(0), der(INTEGER, Buffer.from([2]))), // version 3
    serial(),
    algorithm,
    name, // of the issuer
    der(SEQUENCE, time(from), time(until)),
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
    der(explicit(3), der(
      SEQUENCE,
      extension(KEY_USAGE, true, der(BIT_STRING, Buffer.from([7, 0x80]))), // digitalSignature
      extension(SUBJECT_ALT_NAME, false, der(SEQUENCE, der(DNS_NAME, Buffer.from('localhost')))),
    )),
  );
  const signature = sign('sha256', body, privateKey);
  const certificate = der(SEQUENCE, body, algorithm, der(BIT_STRING, Buffer.from([0]), signature));
  return {
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }),
    cert: `-----BEGIN CERTIFICATE-----\n${certificate.toString('base64').replace(/.{64}/g, '$&\n').trim()}\n-----END CERTIFICATE-----\n`,
    der: certificate,
  };
}
