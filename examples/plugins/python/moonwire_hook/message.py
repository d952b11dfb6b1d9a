"""What questions are about: clients, messages, subscriptions, events."""

import dataclasses
import re
from typing import List, Mapping, Optional, Tuple, Union


@dataclasses.dataclass(frozen=True)
class Client:
    """The connection that a question is about, as far as the registration wants to know."""

    id: int = 0  # unique for the life of the broker
    user: str = ""  # empty before it is admitted
    account: str = ""  # empty before it is admitted
    name: str = ""
    host: str = ""  # address without the port
    kind: str = ""  # STANDARD, WEBSOCKET, IN_PROCESS
    lang: str = ""
    version: str = ""
    tags: Mapping[str, str] = dataclasses.field(default_factory=dict)

    @classmethod
    def of(cls, c) -> "Client":
        """Returns the client of a Client message."""
        return cls(c.id, c.user, c.account, c.name, c.host, c.kind, c.lang, c.version, dict(c.tags))


@dataclasses.dataclass(frozen=True)
class TLS:
    """What a verified client certificate says."""

    version: str
    common_name: str
    dns_names: Tuple[str, ...]
    uris: Tuple[str, ...]
    fingerprint: str  # SHA-256, lower case hexadecimal


@dataclasses.dataclass(frozen=True)
class Connect:
    """What a client presents to be let in. Secrets do not show in its repr."""

    client: Client
    user: str = ""
    password: str = dataclasses.field(default="", repr=False)
    token: str = dataclasses.field(default="", repr=False)
    jwt: str = dataclasses.field(default="", repr=False)
    nkey: str = ""
    signature: str = dataclasses.field(default="", repr=False)  # of nonce, base64url
    nonce: str = ""
    tls: Optional[TLS] = None

    @classmethod
    def of(cls, c, client: Client) -> "Connect":
        """Returns the question of a Connect message."""
        t = c.tls
        tls = TLS(t.version, t.common_name, tuple(t.dns_names), tuple(t.uris), t.fingerprint) if c.HasField("tls") else None
        return cls(client, c.user, c.password, c.token, c.jwt, c.nkey, c.signature, c.nonce, tls)


@dataclasses.dataclass(frozen=True)
class Subscription:
    """A subscription that a client wants to make."""

    client: Client
    subject: str  # a pattern
    queue: str = ""  # empty for none


@dataclasses.dataclass(frozen=True)
class Event:
    """Something that has happened."""

    type: str
    time: float  # seconds since 1970
    client: Optional[Client]  # None for a reload
    reason: str
    subject: str
    queue: str

    @classmethod
    def of(cls, e) -> "Event":
        """Returns the event of an Event message."""
        client = Client.of(e.client) if e.HasField("client") else None
        return cls(e.type, e.time_ns / 1e9, client, e.reason, text(e.subject), text(e.queue))


def text(b: bytes) -> str:
    """Returns bytes of the wire as text. Nobody has promised that they are UTF-8."""
    return b.decode("utf-8", "surrogateescape")


def utf8(said: str) -> str:
    """Returns text as the protocol takes it: what was not UTF-8 on the wire is U+FFFD."""
    return re.sub("[\ud800-\udfff]", "\ufffd", said)


_NAME = re.compile(r"[!-9;-~]+")


class Message:
    """A message that a client publishes; inspect may change it.

    Bytes that are not UTF-8 show as lone surrogates in subjects, so that
    subject.encode("utf-8", "surrogateescape") is what is on the wire.
    """

    def __init__(self, request, client: Client, writable: bool = False, whole: bool = True):
        self.client = client
        self.subject = text(request.subject)
        self.original_subject = text(request.original_subject)  # empty where it is the same
        self.reply = text(request.reply)
        self.size = request.size  # bytes of header and payload, sent along or not
        self.max_payload = request.max_payload  # after a change; 0 is no limit
        self._header = request.header
        self._payload = request.payload
        self._writable = writable
        self._whole = whole  # the plugin is shown all headers
        self._changed = set()

    @property
    def header(self) -> bytes:
        """The block as it is on the wire."""
        return self._header

    @property
    def payload(self) -> bytes:
        return self._payload

    @payload.setter
    def payload(self, value: Union[str, bytes]) -> None:
        self._change("payload")
        self._payload = value.encode() if isinstance(value, str) else bytes(value)

    def get(self, name: str, default: Optional[str] = None) -> Optional[str]:
        """Returns the first value of a header, whose name is in any case."""
        return next(iter(self.values(name)), default)

    def values(self, name: str) -> List[str]:
        """Returns the values of a header, whose name is in any case."""
        return [text(line.partition(b":")[2].strip()) for line in self._lines() if _is(line, name)]

    def set_header(self, name: str, value: str) -> None:
        """Gives a header one value, in place of all that it has."""
        if not _NAME.fullmatch(name) or re.search("[\r\n\0]", value):
            raise ValueError(f"header {name!r}: its name has printable letters without colon, and its value no line ends")
        self._change("header")
        line = name.encode() + b": " + value.encode("utf-8", "surrogateescape")
        self._write([*(old for old in self._lines() if not _is(old, name)), line])

    def delete_header(self, name: str) -> None:
        """Removes a header, whose name is in any case."""
        if self.values(name):
            self._change("header")
            self._write([line for line in self._lines() if not _is(line, name)])

    def changes(self) -> Optional[dict]:
        """Returns what was changed, or None."""
        return {what: getattr(self, what) for what in self._changed} or None

    def _change(self, what: str) -> None:
        if not self._writable:
            raise TypeError(f"{what}: only inspect changes a message")
        if what == "header" and not self._whole:  # the block goes back as a whole, and the others would be lost
            raise TypeError("headers: the registration has to name headers among its fields, and no single ones, or no field at all")
        self._changed.add(what)

    def _lines(self) -> List[bytes]:
        """The lines of the block after the first, without the empty one at its end."""
        return self._header.partition(b"\r\n\r\n")[0].split(b"\r\n")[1:]

    def _write(self, lines: List[bytes]) -> None:
        first = self._header.partition(b"\r\n")[0] or b"NATS/1.0"
        self._header = b"\r\n".join([first, *lines]) + b"\r\n\r\n"


def _is(line: bytes, name: str) -> bool:
    return line.partition(b":")[0].strip().lower() == name.lower().encode()
