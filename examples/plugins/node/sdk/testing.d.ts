import type { Client, ConnectRequest, Event, Plugin, Registrations, TLS } from './index.js';

/**
 * Configures a plugin in this process, and returns a broker that asks it. It
 * rejects when the plugin refuses its configuration.
 */
export function start(plugin: Plugin, registrations?: Registrations, options?: Options): Promise<TestBroker>;

export interface Options {
  config?: Record<string, unknown>;
  state?: string | Uint8Array;
  restarted?: boolean;
  /** Name of the hook; "test". */
  hook?: string;
}

/**
 * A broker with one client, which asks what the registrations say and sends the
 * fields that they name, no others. With several registrations of a point it is
 * the first that fits which is asked.
 */
export interface TestBroker {
  readonly version: string;
  /** What the plugin has asked the broker to do so far, as messages of the protocol. */
  readonly commands: Record<string, any>[];
  connect(question?: ConnectQuestion): Promise<Answer>;
  rewrite(question: Question): Promise<Answer>;
  publish(question: Question): Promise<Answer>;
  subscribe(question: Question): Promise<Answer>;
  inspect(question: Question): Promise<Answer>;
  event(event: Partial<Omit<Event, 'client'>> & { client?: Partial<Client> }): Promise<void>;
  /** What the plugin would hand over. */
  state(): Promise<Buffer>;
  close(): Promise<void>;
}

export interface Question {
  client?: Partial<Client>;
  subject?: string | Uint8Array;
  originalSubject?: string;
  reply?: string;
  queue?: string;
  headers?: Record<string, string | string[]>;
  payload?: string | Uint8Array;
  maxPayload?: number;
  /** How long the broker waits; 1000. The answer is returned all the same when it comes later. */
  timeoutMs?: number;
}

export interface ConnectQuestion extends Partial<Pick<ConnectRequest, 'user' | 'password' | 'token' | 'jwt' | 'nkey' | 'signature' | 'nonce'>> {
  client?: Partial<Client>;
  tls?: Partial<TLS>;
  timeoutMs?: number;
}

/** What is not set is not there, so that it can be compared as a whole. */
export interface Answer {
  /** "unasked": no registration is for the question; "failed": there is an error in place of an answer. */
  verdict: 'pass' | 'allow' | 'deny' | 'drop' | 'replace' | 'failed' | 'unasked';
  reason?: string;
  error?: string;
  /** Of an allow at connect, as a message of the protocol. */
  identity?: Record<string, any>;
  /** Of a replace at rewrite. */
  subject?: string;
  /** Of a replace at inspect: what was changed. */
  payload?: Buffer;
  headers?: Record<string, string[]>;
  ttlMs?: number;
  noCache?: boolean;
}
