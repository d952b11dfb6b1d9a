// Compiled, and not run: what authors write has to be what the types say, and
// mistakes have to be errors.
import { allow, allowAs, deny, drop, fail, log, pass, serve, to } from 'moonwire-hook';
import type { Broker, ConnectRequest, Context, Decision, MutableMessage, Plugin, Registration, Settings } from 'moonwire-hook';
import { start } from 'moonwire-hook/testing';

class Policy implements Plugin {
  version = '1';

  #broker?: Broker;

  configure({ config, broker, state, restarted }: Settings) {
    this.#broker = broker;
    log.info('configured', { url: config.url, state: state?.length ?? 0, restarted });
  }

  state() { return 'state'; }

  async connect(request: ConnectRequest, { signal }: Context): Promise<Decision> {
    if (request.tls?.commonName === 'gateway') {
      return allowAs({ user: 'gateway', expires: new Date(), permissions: { publish: { allow: ['a.>'] }, responses: { max: 1 } } });
    }
    await fetch('http://127.0.0.1/', { signal });
    return request.password === '' ? fail('no password') : deny('no');
  }

  inspect(message: MutableMessage) {
    message.payload = message.payload.toString('utf8').trim();
    message.payload = new Uint8Array(1);
    message.setHeader('A', message.get('B') ?? '');
    this.#broker?.setPermissions({ id: message.client.id }, null);
    return message.size > 10 ? drop() : pass();
  }
}

const registrations: Registration[] = [
  { point: 'connect' },
  { point: 'inspect', subjects: ['a.>'], fields: ['payload', 'tags.role', 'header.X'], maxPayload: 1024 },
];

serve(new Policy(), registrations);
serve({
  publish: (m) => (m.subject === 'a' ? allow().for(1000) : undefined),
  rewrite: async (m) => to(`x.${m.subject}`).noCache(),
  subscribe() {},
  event(e) { console.log(e.time.toISOString(), e.client?.user); },
});

const broker = await start(new Policy(), registrations, { config: { url: '' } });
const { verdict, identity } = await broker.connect({ user: 'ann', client: { host: 'h' } });
console.log(verdict === 'allow', identity?.user, (await broker.inspect({ subject: 'a.b', headers: { A: ['1'] } })).payload?.length);

// @ts-expect-error: there is no such field
allowAs({ permisions: {} });
// @ts-expect-error: nor such a point
serve({ publish() {} }, [{ point: 'publsh' }]);
// @ts-expect-error: nor such an answer
serve({ publish: () => true });
// @ts-expect-error: publish does not change messages
serve({ publish(m) { m.payload = 'x'; } });
