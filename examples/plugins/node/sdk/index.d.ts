/// <reference types="node" />

/**
 * Serves a plugin to the broker that has started the process. Call it once. The
 * promise is fulfilled when the broker can ask; the process ends when the broker
 * wants it to. A program that was started by hand says what it is and ends with
 * status 1, as does one whose registrations are wrong.
 *
 * A method that the registrations do not name is asked about everything. Those that
 * are a function of the settings, which is called when the plugin is configured, are
 * all there are.
 */
export function serve(plugin: Plugin, registrations?: Registrations): Promise<void>;

export type Registrations = Registration[] | ((settings: Settings) => Registration[]);

/**
 * What decides: an object with a method for each point that it wants to be asked
 * at. Methods may be async, and many are at work at a time. One that throws has no
 * answer: the broker does what its operator has configured (`on_error`), which lets
 * nothing through by default. So does one whose answer comes too late.
 */
export interface Plugin {
  /** Of the plugin, for logs and metrics. */
  version?: string;
  /** Gets the settings before anything is asked. What it throws keeps the plugin from being loaded, and the operator reads it. */
  configure?(settings: Settings): void | Promise<void>;
  /** What the process that takes this one's place on a reload finds in its settings; at most 64 MiB. Questions may still come. */
  state?(): State | Promise<State>;
  /** Puts away what is open. It has half a second. */
  close?(): void | Promise<void>;

  /** Decides who a client is: {@link allowAs}, {@link allow} to leave that to others and the broker's own users, {@link deny} or {@link pass}. */
  connect?(request: ConnectRequest, context: Context): Answer | Promise<Answer>;
  /** Gives a message another subject, by {@link to}; {@link pass} leaves it, {@link deny} refuses the message. */
  rewrite?(message: Message, context: Context): Answer | Promise<Answer>;
  /** Decides whether a message may be published that the permissions allow: {@link allow}, {@link deny} or {@link pass}. */
  publish?(message: Message, context: Context): Answer | Promise<Answer>;
  /** Decides whether a subscription may be made that the permissions allow: {@link allow}, {@link deny} or {@link pass}. */
  subscribe?(subscription: Subscription, context: Context): Answer | Promise<Answer>;
  /** Looks into a message before it is delivered, and may change it; {@link drop} takes it away without a word to the client, {@link deny} with one. */
  inspect?(message: MutableMessage, context: Context): Answer | Promise<Answer>;
  /** Is told of events, in their order, one at a time. */
  event?(event: Event): void | Promise<void>;
}

/** Nothing is the same as {@link pass}. */
export type Answer = Decision | null | void;
export type State = string | Uint8Array | null | void;
export type Point = 'connect' | 'rewrite' | 'publish' | 'subscribe' | 'inspect' | 'event';

/** Says about what a method wants to be asked. Empty lists are everything. */
export interface Registration {
  point: Point;
  /** Patterns; not at connect and event. */
  subjects?: string[];
  /** Names; not at connect. */
  accounts?: string[];
  /**
   * What the questions shall contain: less is faster, and what is not sent cannot
   * leak. Without it that is everything, but secrets only at connect.
   */
  fields?: Field[];
  /** Lets the broker keep answers. */
  cache?: Cache;
  /** The most bytes of a message, header included; a larger one counts as failed. 0 is no limit. */
  maxPayload?: number;
  events?: EventType[];
}

export type Field =
  | 'user' | 'account' | 'client' | 'name' | 'host' | 'kind' | 'subject' | 'reply' | 'queue' | 'original_subject' | 'size'
  | 'tags' | 'headers' | 'payload'
  /** What a CONNECT says, but for secrets. */
  | 'connect'
  /** Password, token, JWT and signature of a CONNECT. */
  | 'secrets'
  | `tags.${string}` | `header.${string}`;

export type EventType = 'connect' | 'disconnect' | 'subscribe' | 'unsubscribe' | 'slow_consumer' | 'auth_error' | 'reload';

/** Lets the broker keep answers at rewrite, publish and subscribe. The fields of the registration have to be among `by`. */
export interface Cache {
  by: Field[];
  /** How long an answer is kept, in milliseconds; 0, the default, is not at all. */
  ttlMs?: number;
  /** The same of a denial. */
  negativeTtlMs?: number;
}

export interface Settings {
  /** The hook's name in the broker's configuration. */
  hook: string;
  serverName: string;
  serverVersion: string;
  /** The hook's `config`. */
  config: Record<string, any>;
  /** What the process before had to hand over; null if there is none. */
  state: Buffer | null;
  /** The process before has died. */
  restarted: boolean;
  /** What the plugin may ask the broker to do, at any time later. */
  broker: Broker;
}

/** An answer: what {@link allow} and the others return. */
export interface Decision {
  /** Shortens how long the broker keeps the answer, in whole milliseconds. */
  for(ttlMs: number): Decision;
  /** Has the broker not keep the answer. */
  noCache(): Decision;
}

/** No opinion: the next hook is asked. */
export function pass(): Decision;
/** A yes; other hooks may still deny. */
export function allow(): Decision;
/** A yes to a client as somebody. It throws when the identity is not as it should be. */
export function allowAs(identity: Identity): Decision;
/** A no. The reason is for the broker's log; the client does not see it. */
export function deny(reason?: string): Decision;
/** Takes a message away at inspect, without a word to the client. */
export function drop(reason?: string): Decision;
/** Gives a message another subject at rewrite, without wildcards. */
export function to(subject: string | Uint8Array): Decision;
/** No answer, as if the method had thrown, but without a stack in the log. */
export function fail(error: unknown): Decision;

/** Who a client is. What is absent stays as other hooks or the broker know it. */
export interface Identity {
  user?: string | null;
  account?: string | null;
  /** Absent: no bound. */
  permissions?: Permissions | null;
  limits?: { subscriptions?: number; payload?: number } | null;
  tags?: Record<string, string> | null;
  /** When the connection is closed; a number is seconds since 1970. */
  expires?: Date | number | null;
}

/** Rules as the broker's configuration has them. */
export interface Permissions {
  publish?: Rules | null;
  /** "subject" or "subject queue". */
  subscribe?: Rules | null;
  /** Lets the client answer what it receives. 0 is the broker's default, negative no bound. */
  responses?: { max?: number; expiresMs?: number } | null;
}

export interface Rules {
  /** Absent: everything. An empty list is refused, as it would be the same. */
  allow?: string[] | null;
  deny?: string[] | null;
}

/** How long the broker waits for an answer. */
export interface Context {
  /** Aborted when the broker does not wait any longer. Give it to `fetch` and the like. */
  readonly signal: AbortSignal;
  readonly timeLeftMs: number;
  /** By the clock of `performance.now()`; Infinity for none. */
  readonly deadline: number;
}

/** The connection that a question is about, as far as the registration wants to know. */
export interface Client {
  /** Unique for the life of the broker. */
  readonly id: number;
  /** Empty before it is admitted. */
  readonly user: string;
  /** Empty before it is admitted. */
  readonly account: string;
  readonly name: string;
  /** Address without the port. */
  readonly host: string;
  /** STANDARD, WEBSOCKET, IN_PROCESS. */
  readonly kind: string;
  readonly lang: string;
  readonly version: string;
  readonly tags: Readonly<Record<string, string>>;
}

/** What a client presents to be let in. Secrets do not show when it is logged. */
export interface ConnectRequest {
  readonly client: Client;
  readonly user: string;
  readonly password: string;
  readonly token: string;
  readonly jwt: string;
  readonly nkey: string;
  /** Of `nonce`, base64url. */
  readonly signature: string;
  readonly nonce: string;
  /** Of a verified client certificate; null without. */
  readonly tls: TLS | null;
}

export interface TLS {
  readonly version: string;
  readonly commonName: string;
  readonly dnsNames: string[];
  readonly uris: string[];
  /** SHA-256 of the certificate, lower case hexadecimal. */
  readonly fingerprint: string;
}

export interface Subscription {
  readonly client: Client;
  /** A pattern. */
  readonly subject: string;
  /** Empty for none. */
  readonly queue: string;
}

/** A message that a client publishes. */
export interface Message {
  readonly client: Client;
  /** As text. Nobody has promised that it is UTF-8: what is not shows as U+FFFD here. */
  readonly subject: string;
  /** As it is on the wire. */
  readonly subjectBytes: Buffer;
  /** What the client wrote, where the subject is another; else empty. */
  readonly originalSubject: string;
  readonly reply: string;
  /** The block as it is on the wire. Do not change it in place. */
  readonly header: Buffer;
  /** Do not change it in place. */
  readonly payload: Buffer;
  /** Bytes of header and payload, sent along or not. */
  readonly size: number;
  /** The most that both may have after a change; 0 is no limit. */
  readonly maxPayload: number;
  /** The first value of a header, whose name is in any case. */
  get(name: string): string | undefined;
  /** All values of a header, whose name is in any case. */
  values(name: string): string[];
}

/**
 * A message that can be changed. Its headers only if the registration asks for all of them, as the block goes back as a
 * whole: else setHeader and deleteHeader throw.
 */
export interface MutableMessage extends Omit<Message, 'payload'> {
  get payload(): Buffer;
  set payload(v: string | Uint8Array);
  /** Gives a header one value, in place of all that it has. It throws if that would break the block. */
  setHeader(name: string, value: string): void;
  deleteHeader(name: string): void;
}

export interface Event {
  readonly type: EventType;
  readonly time: Date;
  /** Null for a reload. */
  readonly client: Client | null;
  readonly reason: string;
  readonly subject: string;
  readonly queue: string;
}

/** Which connections are meant: those of which all that is set is true. */
export interface Selector {
  id?: number;
  user?: string;
  account?: string;
  tags?: Record<string, string>;
}

/** What a plugin may ask the broker to do. The methods do not wait; what the broker refuses stands in its log. */
export interface Broker {
  /** Ends connections. The reason is for the broker's log. */
  disconnect(of: Selector, reason?: string): void;
  /** Replaces what connections may do; null allows everything. Open subscriptions that are no longer allowed end. */
  setPermissions(of: Selector, permissions: Permissions | null): void;
  /** Has the broker forget all answers of the plugin that it has kept. */
  invalidate(): void;
}

/** Lines for the broker's log, with their level and fields. What is printed otherwise is logged as it is. */
export const log: Readonly<Record<'debug' | 'info' | 'warn' | 'error', (message: string, fields?: Record<string, unknown>) => void>>;
