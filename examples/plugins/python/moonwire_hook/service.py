"""A plugin as the protocol sees it, without a word about gRPC."""

import dataclasses
import json
import logging
import threading
import time
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence

from . import protocol
from .decision import Decision, decided, number, permissions_message
from .message import Client, Connect, Event, Message, Subscription, text, utf8
from .protocol import FIELDS, POINT_NAMES, POINTS

_log = logging.getLogger("moonwire_hook")

_MOST_BYTES = 1 << 26  # of a frame of replies
_MOST_COMMANDS = 1000  # of a frame: it must not become larger than the broker takes


@dataclasses.dataclass(frozen=True)
class Cache:
    """Lets the broker keep answers at rewrite, publish and subscribe.

    The fields of the registration have to be among by.
    """

    by: Sequence[str]
    ttl: float = 0  # seconds; 0 is not at all
    negative_ttl: float = 0  # the same of a denial


@dataclasses.dataclass(frozen=True)
class Registration:
    """Says about what a method wants to be asked. Empty is everything."""

    point: str  # connect, rewrite, publish, subscribe, inspect, event
    subjects: Sequence[str] = ()  # patterns; not at connect and event
    accounts: Sequence[str] = ()  # names; not at connect
    # What the questions contain: names of Field in hook.proto in small letters,
    # tags.NAME, header.NAME. Empty is everything, but secrets only at connect.
    fields: Sequence[str] = ()
    cache: Optional[Cache] = None
    max_payload: int = 0  # bytes of a message; a larger one counts as failed; 0 is no limit
    events: Sequence[str] = ()

    def message(self):
        """Returns the Registration message. It raises a ValueError for a name that is none."""
        if self.point not in POINTS:
            raise ValueError(f"point {self.point!r}: want one of {', '.join(POINTS)}")
        names = self.fields or (FIELDS if self.point == "connect" else ())
        out = protocol.RegistrationMessage(
            point=POINTS[self.point],
            subjects=[s.encode() for s in _list(self.subjects, "subjects")],
            accounts=_list(self.accounts, "accounts"),
            events=_list(self.events, "events"),
            max_payload=self.max_payload,
            **_fields(names, "fields"),
        )
        if self.cache:
            for key, value in _fields(self.cache.by, "by").items():
                getattr(out.cache, key).extend(value)
            out.cache.ttl_ms = int(self.cache.ttl * 1000)
            out.cache.negative_ttl_ms = int(self.cache.negative_ttl * 1000)
        return out


def _list(names: Sequence[str], what: str) -> Sequence[str]:
    if isinstance(names, str):
        raise TypeError(f"{what}: want a list, not a single text")
    return names


def _fields(names: Sequence[str], key: str) -> Dict[str, List[Any]]:
    out: Dict[str, List[Any]] = {key: [], "tags": [], "headers": []}
    for name in _list(names, key):
        kind, _, one = name.partition(".")
        if name in FIELDS:
            out[key].append(FIELDS[name])
        elif kind == "tags" and one:
            out["tags"].append(one)
        elif kind == "header" and one:
            out["headers"].append(one)
        else:
            raise ValueError(f"{key}: {name!r} is no field: want {', '.join(FIELDS)}, tags.NAME or header.NAME")
    return out


class Broker:
    """What a plugin may ask the broker to do. Its methods do not wait.

    Which connections are meant is a dictionary of id, user, account and tags: those
    of which all that is set is true.
    """

    def __init__(self):
        self._lock = threading.Lock()
        self._commands = []
        self._send: Optional[Callable] = None

    def disconnect(self, of: Mapping[str, Any], reason: str = "") -> None:
        """Ends connections. The reason is for the broker's log."""
        self._do(disconnect={"of": _selector(of), "reason": utf8(reason)})

    def set_permissions(self, of: Mapping[str, Any], permissions: Optional[Mapping[str, Any]]) -> None:
        """Replaces what connections may do; None allows everything."""
        command = {"of": _selector(of)}
        if permissions is not None:
            command["permissions"] = permissions_message(permissions)
        self._do(set_permissions=command)

    def invalidate(self) -> None:
        """Has the broker forget all answers of the plugin that it has kept."""
        self._do(invalidate={})

    def _do(self, **command) -> None:
        with self._lock:
            self._commands.append(protocol.Command(**command))
            send = self._send
        if send:
            send()

    def attach(self, send: Optional[Callable]) -> None:
        """Has send called when there is something to take."""
        with self._lock:
            self._send = send
            waiting = bool(self._commands)
        if send and waiting:
            send()

    def take(self) -> list:
        """Returns what is to be sent in a frame, once. The next one is asked for."""
        with self._lock:
            commands, self._commands = self._commands[:_MOST_COMMANDS], self._commands[_MOST_COMMANDS:]
            send = self._send if self._commands else None
        if send:
            send()
        return commands


def _selector(of: Mapping[str, Any]) -> Mapping[str, Any]:
    if not any(of.values()):
        raise ValueError("nothing is set: say which connections are meant by id, user, account or tags")
    return of


@dataclasses.dataclass(frozen=True)
class Context:
    """For how long the broker waits for an answer."""

    deadline: Optional[float]  # by time.monotonic(); None for none

    def time_left(self) -> Optional[float]:
        """Returns the seconds that are left: a timeout for what the method waits for."""
        return None if self.deadline is None else max(self.deadline - time.monotonic(), 0.0)


@dataclasses.dataclass(frozen=True)
class Settings:
    """What a plugin is given at the start."""

    hook: str  # its name in the broker's configuration
    server_name: str
    server_version: str
    config: Dict[str, Any]  # `config` of the hook
    state: Optional[bytes]  # what the process before had to hand over
    restarted: bool  # the process before has died
    broker: Broker


class Service:
    """Answers for a plugin. It raises when a registration is wrong."""

    def __init__(self, plugin: object, registrations: Sequence[Registration] = ()):
        self.plugin = plugin
        self.broker = Broker()
        self.methods = {p: getattr(plugin, p) for p in POINTS if callable(getattr(plugin, p, None))}
        for r in registrations:
            if r.point in POINTS and r.point not in self.methods:
                raise ValueError(f"{type(plugin).__name__} has no method {r.point}")
        # A method without registration is asked about everything.
        named = {r.point for r in registrations}
        rest = [Registration(p) for p in self.methods if p not in named]
        self.registrations = [r.message() for r in [*registrations, *rest]]
        if not self.registrations:
            raise ValueError(f"{type(plugin).__name__} has none of the methods {', '.join(POINTS)}")

    def _shows_headers(self, number: int) -> bool:
        """Whether messages come with all their headers by a registration."""
        if number >= len(self.registrations):
            return False
        r = self.registrations[number]
        return not r.headers and (not (r.fields or r.tags) or FIELDS["headers"] in r.fields)

    def configure(self, request):
        """Returns the answer to a ConfigureRequest."""
        version = utf8(str(getattr(self.plugin, "version", "")))
        try:
            if hasattr(self.plugin, "configure"):
                config = json.loads(request.config or b"{}")
                self.plugin.configure(
                    Settings(
                        request.hook, request.server_name, request.server_version,
                        config, request.state or None, request.restarted, self.broker,
                    )  # fmt: skip
                )
        except Exception as error:  # whatever it is, it keeps the plugin from being loaded
            return protocol.ConfigureResponse(error=utf8(_reason(error)), version=version)
        return protocol.ConfigureResponse(version=version, registrations=self.registrations)

    def state(self) -> Optional[bytes]:
        """Returns what the successor gets; None if the plugin keeps nothing."""
        if not hasattr(self.plugin, "state"):
            return None
        state = self.plugin.state()
        if state is None:
            return b""
        if not isinstance(state, (str, bytes, bytearray)):
            raise TypeError(f"state returned {type(state).__name__}: want text or bytes")
        return state.encode() if isinstance(state, str) else bytes(state)

    def notify(self, events) -> None:
        """Tells the plugin of events."""
        for e in events:
            try:
                if "event" in self.methods:
                    self.methods["event"](Event.of(e))
            except Exception as error:
                _log.exception("event: %s", _reason(error))

    def close(self) -> None:
        """Lets the plugin put away what it has."""
        try:
            if hasattr(self.plugin, "close"):
                self.plugin.close()
        except Exception as error:
            _log.exception("close: %s", _reason(error))

    def decide(self, request, client: Client, came: float):
        """Returns the Reply to a request that came at a time of time.monotonic()."""
        point = POINT_NAMES.get(request.point, str(request.point))
        if point == "event" or point not in self.methods:
            return protocol.Reply(id=request.id, error=f"the plugin is not for the point {point}")
        context = Context(came + request.timeout_ms / 1000 if request.timeout_ms else None)
        try:
            if point == "connect":
                about = Connect.of(request.connect, client)
            elif point == "subscribe":
                about = Subscription(client, text(request.subject), text(request.queue))
            else:
                about = Message(request, client, writable=point == "inspect", whole=self._shows_headers(request.registration))
            d = decided(self.methods[point](about, context), point)
            return _failure(request, d.error) if d.error else _reply(request, point, about, d)
        except BaseException as error:  # its author's mistake, also sys.exit, and not the end of the others
            _log.exception("%s: %s", point, _reason(error))
            return _failure(request, f"{point}: {_reason(error)}")


def _reply(request, point: str, about, d: Decision):
    """Returns the Reply of an answer. It raises when something in it is not of its type."""
    out = protocol.Reply(
        id=request.id, verdict=number(d.verdict), reason=utf8(d.reason), subject=d.subject,
        no_cache=d.uncached, ttl_ms=d.ttl_ms, identity=d.identity,
    )  # fmt: skip
    if point == "inspect" and d.verdict == "pass":
        changes = about.changes()
        size = sum(map(len, (changes or {}).values()))
        most = min(about.max_payload or _MOST_BYTES, _MOST_BYTES)
        if size > most:  # or the broker would take no answer of the frame
            return _failure(request, f"inspect: the message has {size} bytes after the change: at most {most}")
        if changes:
            out.verdict = number("replace")
            for what, value in changes.items():
                setattr(out.message, what, value)
    return out


def _failure(request, why: str):
    return protocol.Reply(id=request.id, error=utf8(why))


def _reason(error: BaseException) -> str:
    return str(error) or type(error).__name__
