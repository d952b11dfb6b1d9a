// The plugin of the tests: it does what subjects and users say.
import { writeSync } from 'node:fs';
import { allow, allowAs, deny, drop, fail, log, pass, serve, to } from 'moonwire-hook';

export class Policy {
  version = 'test-1';

  seen = [];

  configure({ config, state, broker }) {
    if (config.refuse) {
      throw new Error(config.refuse);
    }
    this.broker = broker;
    this.seen = state ? state.toString().split(' ') : [];
  }

  state() {
    if (this.seen.includes('disconnect:fail')) { // as a client of gRPC says that there is no such method
      throw Object.assign(new Error('no store'), { code: 12 });
    }
    return this.seen.join(' ');
  }

  close() {
    log.info('closed');
    if (process.env.TOLD) {
      writeSync(Number(process.env.TOLD), 'closed');
    }
  }

  async connect(request, { signal }) {
    switch (request.user) {
      case 'deny':
        return deny(`no ${request.user}`);
      case 'slow': // nobody answers but the signal
        return new Promise((_, reject) => { signal.addEventListener('abort', () => reject(signal.reason)); });
      case 'typo':
        return allowAs({ user: 'typo', permisions: {} });
      default:
        return allowAs({ user: request.user, account: request.password, tags: { host: request.client.host } });
    }
  }

  publish(message) {
    switch (message.subject.split('.')[1]) {
      case 'deny':
        return deny(`by ${message.client.user}`);
      case 'throw':
        throw new Error('by order');
      case 'fail':
        return fail(new Error('on purpose'));
      case 'wrong':
        return true;
      case 'drop':
        return drop('');
      case 'pid':
        return deny(String(process.pid));
      case 'seen':
        return deny(this.seen.join(' '));
      case 'noise':
        console.log('a line of noise');
        log.warn('a line of the log', { user: message.client.user });
        return allow();
      case 'disconnect':
        this.broker.disconnect({ user: 'eve' }, 'revoked');
        return allow();
      case 'permissions':
        this.broker.setPermissions({ id: message.client.id }, { publish: { deny: ['x'] } });
        return allow();
      case 'invalidate':
        this.broker.invalidate();
        return allow();
      default:
        return allow();
    }
  }

  subscribe(subscription) {
    return subscription.queue === 'no' ? deny(subscription.subject) : undefined;
  }

  rewrite(message) {
    if (message.client.user !== '') {
      return fail('a field came that nobody wanted');
    }
    return to(Buffer.concat([Buffer.from(`t.${message.client.account}.`), message.subjectBytes]));
  }

  async inspect(message) {
    if (message.payload.length === 0) {
      return drop('empty');
    }
    message.payload = message.payload.map((b) => (b >= 0x61 && b <= 0x7a ? b - 0x20 : b)); // bytes: it need not be text
    message.setHeader('Seen', `${message.get('seen') ?? ''}${message.size}`);
    return pass();
  }

  event(event) {
    this.seen.push(`${event.type}:${event.client?.user ?? ''}`);
  }
}

/** @type {import('moonwire-hook').Registration[]} */
export const registrations = [
  { point: 'connect' },
  { point: 'publish', subjects: ['p.>'] },
  { point: 'subscribe' },
  { point: 'rewrite', subjects: ['r.>'], fields: ['subject', 'account'] },
  { point: 'inspect', subjects: ['i.>'], fields: ['subject', 'headers', 'payload', 'user', 'size'] },
  { point: 'event' },
];

if (process.argv[1] === new URL(import.meta.url).pathname) {
  console.log('printed before the handshake');
  serve(new Policy(), registrations);
}
