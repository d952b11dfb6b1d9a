// The messages and services that go between broker and plugin. Those of the hooks
// are read from hook.proto, a copy of the broker's; the other two are small parts
// of gRPC's health protocol and of go-plugin's, as far as the broker uses them.
import { fileURLToPath } from 'node:url';
import protobuf from 'protobufjs';

const root = new protobuf.Root();
root.loadSync(fileURLToPath(new URL('../proto/hook.proto', import.meta.url)));
protobuf.parse(`
  syntax = "proto3";
  package grpc.health.v1;
  message HealthCheckRequest { string service = 1; }
  message HealthCheckResponse {
    enum ServingStatus { UNKNOWN = 0; SERVING = 1; }
    ServingStatus status = 1;
  }
  service Health { rpc Check(HealthCheckRequest) returns (HealthCheckResponse); }
`, root);
protobuf.parse(`
  syntax = "proto3";
  package plugin;
  message Empty {}
  service GRPCController { rpc Shutdown(Empty) returns (Empty); }
`, root);
root.resolveAll();

/** An integer of 64 bits as a number. What is counted here never comes near 2^53. */
export const number = (v) => (typeof v === 'number' ? v : v.toNumber());

/** An integer of 64 bits that names something: a number, or its digits where that would be inexact. */
export const name = (v) => {
  const n = number(v);
  return Number.isSafeInteger(n) ? n : v.toString();
};

/** A message type of the hook protocol, by name. */
export const type = (name) => root.lookupType(`moonwire.hook.v1.${name}`);

/** The numbers of an enumeration of the hook protocol, by name. */
const numbers = (name, prefix) => Object.fromEntries(
  Object.entries(root.lookupEnum(`moonwire.hook.v1.${name}`).values)
    .filter(([key]) => !key.endsWith('_UNSPECIFIED'))
    .map(([key, number]) => [key.slice(prefix.length).toLowerCase(), number]),
);

/** Numbers of points by name: connect, rewrite and so on. */
export const POINTS = numbers('Point', 'POINT_');
/** Numbers of fields by name: user, original_subject and so on. */
export const FIELDS = numbers('Field', 'FIELD_');
/** Numbers of verdicts by name: pass, allow and so on. */
export const VERDICTS = numbers('Verdict', 'VERDICT_');

/** Names of points by number. */
export const POINT_NAMES = Object.entries(POINTS).reduce((names, [name, n]) => { names[n] = name; return names; }, []);

/**
 * The definition of a service as grpc-js takes it. Messages are encoded and decoded
 * by protobufjs alone: objects of proto-loader would cost far more.
 */
function definition(name) {
  const service = root.lookupService(name);
  return Object.fromEntries(service.methodsArray.map((m) => {
    const request = m.resolvedRequestType;
    const response = m.resolvedResponseType;
    return [m.name, {
      path: `/${name}/${m.name}`,
      requestStream: Boolean(m.requestStream),
      responseStream: Boolean(m.responseStream),
      requestSerialize: (v) => Buffer.from(request.encode(v).finish()),
      requestDeserialize: (b) => request.decode(b),
      responseSerialize: (v) => response.encode(v).finish(),
      responseDeserialize: (b) => response.decode(b),
    }];
  }));
}

export const hookService = definition('moonwire.hook.v1.Hook');
export const healthService = definition('grpc.health.v1.Health');
export const controllerService = definition('plugin.GRPCController');
