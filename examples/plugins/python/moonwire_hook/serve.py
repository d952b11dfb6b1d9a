"""The process of a plugin: how it is started, served and ended."""

import base64
import json
import logging
import os
import secrets
import signal
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import NoReturn, Sequence

import grpc

from . import protocol
from .certificate import self_signed
from .service import Registration, Service
from .session import Session

COOKIE = "c0f6d4e0-hook"
VERSION = "1"  # of the protocol in hook.proto
CONNECTS = 64  # that are decided at a time
PATIENCE = 0.5  # seconds that the plugin's close may take; the broker waits for a second in all

_started = os.environ.get("MOONWIRE_HOOK") == COOKIE
if _started:
    # The standard output belongs to the handshake. Whatever else is printed, by this
    # process or those that it starts, is for the broker's log. This happens when the
    # module is loaded, as a plugin may print before it serves.
    _handshake = os.dup(1)
    os.dup2(2, 1)
    sys.stdout.reconfigure(line_buffering=True, errors="backslashreplace")  # a line with odd bytes is no failure


class Formatter(logging.Formatter):
    """Writes records as lines of which the broker's log knows level and fields."""

    _levels = {"CRITICAL": "error", "WARNING": "warn"}

    def format(self, record: logging.LogRecord) -> str:
        out = {str(k): v for k, v in getattr(record, "fields", {}).items()}
        if record.exc_info:
            out["stack"] = self.formatException(record.exc_info)
        out["@level"] = self._levels.get(record.levelname, record.levelname.lower())
        out["@message"] = record.getMessage()
        out.pop("@timestamp", None)  # the broker's log has its own times
        return json.dumps(out, default=str)


def serve(plugin: object, registrations: Sequence[Registration] = ()) -> NoReturn:
    """Serves a plugin to the broker that has started the process, until it wants it to end."""
    try:
        service = Service(plugin, registrations)
    except (TypeError, ValueError) as error:
        sys.exit(f"registrations: {error}")
    if not _started:
        sys.exit("this program is a plugin of the Moonwire broker: name it in the broker's configuration, which starts it")
    versions = os.environ.get("PLUGIN_PROTOCOL_VERSIONS", VERSION).split(",")
    if VERSION not in versions:
        sys.exit(f"the broker speaks the versions {', '.join(versions)} of the hook protocol, and this plugin {VERSION}: one of them is too old")
    if not logging.getLogger().handlers:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(Formatter())
        logging.basicConfig(handlers=[handler], level=logging.INFO)
    stopped = threading.Event()
    _watch_parent(stopped)
    if threading.current_thread() is threading.main_thread():
        # They are for the broker, also where a service manager sends them to all
        # processes: it still has messages to ask about before it ends. A handler, as
        # a child would go on to ignore what is ignored here.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: None)
    server = _server(service, stopped)
    path = os.path.join(os.environ.get("PLUGIN_UNIX_SOCKET_DIR") or tempfile.gettempdir(), f"hook-{secrets.token_hex(6)}")
    certificate = _listen(server, f"unix:{path}")
    server.start()
    os.write(_handshake, f"1|{VERSION}|unix|{path}|grpc|{certificate}\n".encode())
    os.close(_handshake)

    stopped.wait()
    closing = threading.Thread(target=service.close, daemon=True)
    closing.start()
    closing.join(PATIENCE)
    server.stop(0.1).wait(0.2)
    os._exit(0)  # methods that still wait for something hold up nobody


def _listen(server: grpc.Server, address: str) -> str:
    """Has the server listen, and returns its certificate as the handshake has it."""
    client = os.environ.get("PLUGIN_CLIENT_CERT")
    if not client:
        server.add_insecure_port(address)
        return ""
    key, pem, der = self_signed()
    credentials = grpc.ssl_server_credentials([(key, pem)], root_certificates=client.encode(), require_client_auth=True)
    server.add_secure_port(address, credentials)
    return base64.b64encode(der).decode().rstrip("=")


def _watch_parent(stopped: threading.Event) -> None:
    """Has the process end when the broker has died without a word: it would serve nobody for ever."""
    broker = os.getppid()

    def watch() -> None:
        while os.getppid() == broker:
            time.sleep(1)
        stopped.set()

    threading.Thread(target=watch, daemon=True).start()


def _server(service: Service, stopped: threading.Event) -> grpc.Server:
    """Returns a server with all that the broker asks for."""
    pool = ThreadPoolExecutor(CONNECTS, "connect")

    def handover(_, context):
        state = service.state()
        if state is None:
            context.abort(grpc.StatusCode.UNIMPLEMENTED, "the plugin has no state")
        return protocol.HandoverResponse(state=state)

    def notify(request, _):
        service.notify(request.events)
        return protocol.NotifyResponse()

    def check(request, context):
        if request not in (b"", b"\x0a\x06plugin"):  # HealthCheckRequest{service: "plugin"}
            context.abort(grpc.StatusCode.NOT_FOUND, "there is no such service")
        return b"\x08\x01"  # HealthCheckResponse{status: SERVING}

    def shutdown(_request, _context):
        stopped.set()
        return b""

    def unary(method, request, response):
        return grpc.unary_unary_rpc_method_handler(method, request.FromString, response.SerializeToString)

    hook = {
        "Configure": unary(lambda r, _: service.configure(r), protocol.ConfigureRequest, protocol.ConfigureResponse),
        "Handover": unary(handover, protocol.HandoverRequest, protocol.HandoverResponse),
        "Notify": unary(notify, protocol.NotifyRequest, protocol.NotifyResponse),
        "Stream": grpc.stream_stream_rpc_method_handler(
            lambda batches, _: Session(service, batches, pool).run(),
            protocol.Batch.FromString,
            protocol.Replies.SerializeToString,
        ),
    }
    # What a frame may have the broker bounds.
    options = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
    # Some calls besides the stream: health, events, handover.
    server = grpc.server(ThreadPoolExecutor(8, "grpc"), options=options)
    server.add_generic_rpc_handlers(
        [
            grpc.method_handlers_generic_handler(f"{protocol.PACKAGE}.Hook", hook),
            grpc.method_handlers_generic_handler("grpc.health.v1.Health", {"Check": grpc.unary_unary_rpc_method_handler(check)}),
            grpc.method_handlers_generic_handler("plugin.GRPCController", {"Shutdown": grpc.unary_unary_rpc_method_handler(shutdown)}),
        ]
    )
    return server
