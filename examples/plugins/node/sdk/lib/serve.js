// The process of a plugin: how it is started, served and ended.
import { writeSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import grpc from '@grpc/grpc-js';
import { selfSigned } from './certificate.js';
import { reasonOf } from './decision.js';
import { controllerService, healthService, hookService } from './protocol.js';
import { Service } from './service.js';
import { Session } from './session.js';

const COOKIE = 'c0f6d4e0-hook';
const VERSION = '1'; // of the protocol in hook.proto

const started = process.env.MOONWIRE_HOOK === COOKIE;
if (started) {
  // The standard output belongs to the handshake. Whatever else is printed, from
  // here on and before serve, is for the broker's log. This happens when the module
  // is loaded, as a plugin may print before it serves.
  process.stdout.write = process.stderr.write.bind(process.stderr);
  process.stderr.on('error', () => {}); // the broker has died, which watchParent sees
}

/** Ends a process that cannot serve. */
function giveUp(why) {
  process.stderr.write(`${why}\n`);
  process.exit(1);
}

/**
 * Serves a plugin to the broker that has started the process. The promise is
 * fulfilled when the broker can ask; the process ends when the broker wants it to.
 * @param {import('../index.js').Plugin} plugin
 * @param {import('../index.js').Registrations} [registrations]
 */
export async function serve(plugin, registrations) {
  let service;
  try {
    service = new Service(plugin, registrations);
  } catch (error) {
    giveUp(reasonOf(error));
  }
  if (!started) {
    giveUp('this program is a plugin of the Moonwire broker: name it in the broker\'s configuration, which starts it');
  }
  const versions = (process.env.PLUGIN_PROTOCOL_VERSIONS || VERSION).split(',');
  if (!versions.includes(VERSION)) {
    giveUp(`the broker speaks the versions ${versions.join(', ')} of the hook protocol, and this plugin ${VERSION}: one of them is too old`);
  }
  watchParent(service);
  // They are for the broker, also where a service manager sends them to all processes:
  // it still has messages to ask about before it ends.
  for (const signal of ['SIGINT', 'SIGTERM']) {
    process.on(signal, () => {});
  }
  const client = process.env.PLUGIN_CLIENT_CERT;
  const own = client ? selfSigned() : null;
  const credentials = own
    ? grpc.ServerCredentials.createSsl(Buffer.from(client), [{ private_key: Buffer.from(own.key), cert_chain: Buffer.from(own.cert) }], true)
    : grpc.ServerCredentials.createInsecure();
  const path = join(process.env.PLUGIN_UNIX_SOCKET_DIR || tmpdir(), `hook-${randomBytes(6).toString('hex')}`);
  try {
    await listen(newServer(service), path, credentials);
  } catch (error) {
    giveUp(`listening on ${path}: ${reasonOf(error)}`);
  }
  const certificate = own ? own.der.toString('base64').replace(/=+$/, '') : '';
  writeSync(1, `1|${VERSION}|unix|${path}|grpc|${certificate}\n`);
}

function listen(server, path, credentials) {
  return new Promise((resolve, reject) => {
    server.bindAsync(`unix:${path}`, credentials, (error) => (error ? reject(error) : resolve()));
  });
}

/** Ends the process when the broker has died without a word: it would serve nobody for ever. */
function watchParent(service) {
  const broker = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid !== broker) {
      clearInterval(timer);
      end(service, 1);
    }
  }, 1000).unref();
}

/** How long the plugin's close may take, in milliseconds. The broker waits for a second in all. */
const PATIENCE = 500;

/** Ends the process when the plugin has put away what it has. */
async function end(service, status) {
  setTimeout(() => process.exit(status), PATIENCE);
  await service.close();
  setTimeout(() => process.exit(status), 10); // an answer to the broker goes out first
}

/** An error that is for the broker: those of the plugin may have a code, too, which means something else. */
class StatusError extends Error {
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

/** A server with all that the broker asks for. */
function newServer(service) {
  // What a frame may have the broker bounds.
  const server = new grpc.Server({ 'grpc.max_receive_message_length': -1, 'grpc.max_send_message_length': -1 });
  server.addService(hookService, {
    Configure: unary(({ request }) => service.configure(request)),
    Handover: unary(async () => {
      const state = await service.state();
      if (state === null) {
        throw new StatusError(grpc.status.UNIMPLEMENTED, 'the plugin has no state');
      }
      return { state };
    }),
    Notify: unary(async ({ request }) => {
      await service.notify(request.events);
      return {};
    }),
    Stream: (call) => {
      const session = new Session(service, (replies) => call.write(replies));
      call.on('data', (batch) => session.frame(batch));
      call.on('end', () => {
        session.close();
        call.end();
      });
      call.on('cancelled', () => session.close());
      call.on('error', () => session.close()); // a frame that is none; the broker sees the stream end
    },
  });
  server.addService(healthService, {
    Check: unary(async ({ request }) => {
      if (request.service !== '' && request.service !== 'plugin') {
        throw new StatusError(grpc.status.NOT_FOUND, `there is no service ${request.service}`);
      }
      return { status: 1 };
    }),
  });
  server.addService(controllerService, {
    Shutdown: unary(async () => {
      setImmediate(() => end(service, 0)); // the answer goes out first, as far as the broker reads it
      return {};
    }),
  });
  return server;
}

/** A handler of one request and one answer. */
const unary = (answer) => (call, callback) => {
  answer(call).then(
    (out) => callback(null, out),
    (error) => callback({ code: error instanceof StatusError ? error.code : grpc.status.UNKNOWN, details: reasonOf(error) }),
  );
};
