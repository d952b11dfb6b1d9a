"""Tests of what needs no broker. They need protobuf, grpcio and cryptography."""

import base64
import datetime
import io
import json
import logging
import os
import signal
import subprocess
import sys
import tempfile
import unittest
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import grpc  # noqa: E402
from cryptography import x509  # noqa: E402
from cryptography.hazmat.primitives.asymmetric import ec  # noqa: E402

from moonwire_hook import Cache, Registration, allow, allow_as, deny, drop, fail, passed, to  # noqa: E402
from moonwire_hook.certificate import self_signed  # noqa: E402
from moonwire_hook.message import Client, Connect, Message  # noqa: E402
from moonwire_hook.protocol import FIELDS, POINTS, VERDICTS, Batch, ConfigureRequest  # noqa: E402
from moonwire_hook.serve import Formatter  # noqa: E402
from moonwire_hook.service import Service  # noqa: E402
from moonwire_hook.session import Session  # noqa: E402
from orders import REGISTRATIONS, Orders  # noqa: E402

BOB = Client(id=7, user="bob")


class Question:
    """A plugin of one method."""

    def __init__(self, point, method):
        setattr(self, point, method)


def request(point, **fields):
    batch = Batch()
    return batch.requests.add(id=1, point=POINTS.get(point, 99), **fields)


def decide(point, method, **fields):
    """Returns the Reply of a method."""
    return Service(Question(point, lambda about, _context: method(about))).decide(request(point, **fields), BOB, 0)


class Answers(unittest.TestCase):
    def test_answers(self):
        for point, answer, want in (
            ("publish", None, {"verdict": "pass"}),
            ("publish", passed(), {"verdict": "pass"}),
            ("publish", allow().lasting(1.5), {"verdict": "allow", "ttl_ms": 1500}),
            ("publish", deny("why").no_cache(), {"verdict": "deny", "reason": "why", "no_cache": True}),
            ("publish", deny(KeyError("why")), {"verdict": "deny", "reason": "'why'"}),
            ("subscribe", allow(), {"verdict": "allow"}),
            ("rewrite", to("b.c"), {"verdict": "replace", "subject": b"b.c"}),
            ("inspect", drop("why"), {"verdict": "drop", "reason": "why"}),
            ("connect", fail(OSError("no database")), {"verdict": "pass", "error": "no database"}),
            ("connect", fail(""), {"verdict": "pass", "error": "the plugin failed and does not say why"}),
        ):
            with self.subTest(point=point, answer=answer):
                got = decide(point, lambda _: answer)
                for key, value in want.items():
                    self.assertEqual(getattr(got, key), VERDICTS[value] if key == "verdict" else value)

    def test_failures(self):
        def raises(error):
            raise error

        for point, method, want in (
            ("publish", lambda _: to("b"), "publish: it returned to(): want one of passed(), allow(), deny(), or nothing"),
            ("inspect", lambda _: allow(), "inspect: it returned allow()"),
            ("publish", lambda _: True, "publish: it returned bool"),
            ("publish", lambda _: allow_as(user="u"), "publish: it returned allow_as(): that is for connect"),
            ("publish", lambda _: raises(RuntimeError("by order")), "publish: by order"),
            ("publish", lambda _: raises(RuntimeError()), "publish: RuntimeError"),
            ("publish", lambda m: setattr(m, "payload", b"x"), "publish: payload: only inspect changes a message"),
            ("connect", lambda _: allow_as(permisions={}), "permisions"),
            ("connect", lambda _: allow_as(user=5), "connect: "),
            ("connect", lambda _: allow_as(permissions={"pub": {}}), "pub"),
            ("connect", lambda _: allow_as(permissions={"publish": {"allow": "a.>"}}), "publish.allow: want a list"),
            ("connect", lambda _: allow_as(permissions={"publish": {"allow": []}}), "an empty list would allow everything"),
            ("connect", lambda _: allow_as(expires=datetime.datetime(2031, 1, 1)), "no time zone"),
            ("rewrite", lambda _: to(5), "rewrite: 5 has type int"),
        ):
            with self.subTest(want=want), self.assertLogs("moonwire_hook"):
                self.assertIn(want, decide(point, method).error)

    def test_partial_headers(self):
        for fields, whole in (
            ((), True), (("headers", "payload"), True), (("payload",), False), (("header.A",), False), (("headers", "header.A"), False),
        ):  # fmt: skip
            for change in (lambda m: m.set_header("N", "1"), lambda m: m.delete_header("A")):
                with self.subTest(fields=fields):
                    plugin = Question("inspect", lambda m, _: change(m))
                    service = Service(plugin, [Registration("inspect", fields=fields)])
                    got = service.decide(request("inspect", header=b"NATS/1.0\r\nA: 1\r\n\r\n"), BOB, 0)
                    self.assertEqual(got.error.startswith("inspect: headers: the registration has to name headers"), not whole)

    def test_exit(self):
        for point in ("publish", "connect"):
            got = decide(point, lambda _: sys.exit("no more"))
            self.assertEqual(got.error, f"{point}: no more")

    def test_too_large(self):
        def grow(n):
            return lambda m: setattr(m, "payload", bytes(n))

        for n, most, want in ((101, 100, "at most 100"), (100, 100, ""), (2**26 + 1, 0, "at most 67108864")):
            got = decide("inspect", grow(n), max_payload=most)
            self.assertEqual(got.error, want and f"inspect: the message has {n} bytes after the change: {want}")

    def test_state(self):
        for state, want in (("a", b"a"), (b"\xff", b"\xff"), (bytearray(b"x"), b"x"), (None, b""), (5, None), ({}, None)):
            with self.subTest(state=state):
                service = Service(type("Stateful", (Question,), {"state": lambda _: state})("publish", print))
                if want is None:
                    with self.assertRaisesRegex(TypeError, f"state returned {type(state).__name__}: want text or bytes"):
                        service.state()
                else:
                    self.assertEqual(service.state(), want)

    def test_odd_bytes(self):
        """Clients choose subjects: one that is not UTF-8 must not make a failure of a no."""
        odd = b"a.\xff"
        got = decide("publish", lambda m: deny(f"no {m.subject}"), subject=odd)
        self.assertEqual((got.verdict, got.reason, got.error), (VERDICTS["deny"], "no a.\ufffd", ""))
        self.assertEqual(decide("publish", lambda m: fail(m.subject), subject=odd).error, "a.\ufffd")
        self.assertEqual(decide("rewrite", lambda m: to(f"b.{m.subject}"), subject=odd).subject, b"b.a.\xff")

        def raises(m):
            raise ValueError(m.subject)

        with self.assertLogs("moonwire_hook"):
            self.assertEqual(decide("publish", raises, subject=odd).error, "publish: a.\ufffd")

    def test_identity(self):
        expires = datetime.datetime(2031, 1, 1, tzinfo=datetime.timezone.utc)
        got = decide(
            "connect",
            lambda _: allow_as(
                user="u",
                account="A",
                permissions={"publish": {"allow": ["a.>"], "deny": ["a.b"]}, "responses": {"max": -1}},
                limits={"subscriptions": 5},
                tags={"role": "x"},
                expires=expires,
            ),
        ).identity
        self.assertEqual((got.user, got.account, dict(got.tags)), ("u", "A", {"role": "x"}))
        self.assertEqual(list(got.permissions.publish.allow), ["a.>"])
        self.assertEqual((got.permissions.responses.max, got.limits.subscriptions), (-1, 5))
        self.assertEqual(got.expires, int(expires.timestamp()))
        self.assertEqual(decide("connect", lambda _: allow_as(expires=0)).identity.expires, 1)
        self.assertFalse(decide("connect", lambda _: allow_as(user="u")).identity.HasField("permissions"))

    def test_unknown_points(self):
        service = Service(Question("publish", lambda *_: allow()))
        self.assertEqual(service.decide(request("unknown"), BOB, 0).error, "the plugin is not for the point 99")
        self.assertEqual(service.decide(request("inspect"), BOB, 0).error, "the plugin is not for the point inspect")


class Messages(unittest.TestCase):
    BLOCK = b"NATS/1.0\r\nA: 1\r\na:2\r\nB: \xc3\xbc\r\n\r\n"

    def message(self, **fields):
        return Message(request("inspect", **fields), BOB, writable=True)

    def test_headers(self):
        m = self.message(header=self.BLOCK)
        self.assertEqual((m.values("a"), m.get("b"), m.get("C"), m.get("C", "")), (["1", "2"], "ü", None, ""))
        self.assertIsNone(m.changes())
        m.set_header("a", "3")
        self.assertEqual(m.changes(), {"header": b"NATS/1.0\r\nB: \xc3\xbc\r\na: 3\r\n\r\n"})
        m.delete_header("A")
        m.delete_header("C")
        self.assertEqual(m.header, b"NATS/1.0\r\nB: \xc3\xbc\r\n\r\n")
        for name, value in (("", "v"), ("a b", "v"), ("a:", "v"), ("a\n", "v"), ("ü", "v"), ("a", "v\r\nb: c"), ("a", "\0")):
            with self.subTest(name=name, value=value), self.assertRaises(ValueError):
                m.set_header(name, value)

    def test_first_header_and_payload(self):
        m = self.message()
        m.set_header("N", "v")
        m.payload = "ü"
        self.assertEqual(m.changes(), {"header": b"NATS/1.0\r\nN: v\r\n\r\n", "payload": "ü".encode()})
        m.payload = b""
        self.assertEqual(m.changes()["payload"], b"")

    def test_bytes(self):
        subject = self.message(subject=b"a.\xff").subject
        self.assertEqual(subject.encode("utf-8", "surrogateescape"), b"a.\xff")

    def test_secrets(self):
        self.assertNotIn("s3cr3t", repr(Connect(BOB, user="ann", password="s3cr3t", token="s3cr3t", jwt="s3cr3t")))

    def test_replace(self):
        got = decide("inspect", lambda m: setattr(m, "payload", b""), payload=b"x")
        self.assertEqual(got.verdict, VERDICTS["replace"])
        self.assertTrue(got.message.HasField("payload"))
        self.assertFalse(got.message.HasField("header"))


class Registrations(unittest.TestCase):
    def test_fields(self):
        r = Registration(
            "publish",
            subjects=["a.>"],
            fields=["subject", "tags.role", "header.X"],
            cache=Cache(["subject", "tags.role", "header.X"], ttl=1, negative_ttl=0.5),
        ).message()
        self.assertEqual((list(r.fields), list(r.tags), list(r.headers)), ([FIELDS["subject"]], ["role"], ["X"]))
        self.assertEqual((r.cache.ttl_ms, r.cache.negative_ttl_ms, list(r.cache.tags)), (1000, 500, ["role"]))
        self.assertIn(FIELDS["secrets"], Registration("connect").message().fields)
        self.assertEqual(list(Registration("publish").message().fields), [])

    def test_methods_without(self):
        service = Service(Orders(), REGISTRATIONS[:1])
        self.assertEqual([r.point for r in service.registrations], [POINTS["publish"], POINTS["inspect"]])

    def test_wrong(self):
        for registrations in (
            [Registration("pub")],
            [Registration("connect")],
            [Registration("publish", fields=["body"])],
            [Registration("publish", fields=["tags."])],
        ):
            with self.subTest(registrations), self.assertRaises(ValueError):
                Service(Orders(), registrations)
        with self.assertRaises(TypeError):
            Service(Orders(), [Registration("publish", subjects="a")])
        with self.assertRaises(ValueError):
            Service(object())


class Streams(unittest.TestCase):
    def test_frames(self):
        class Policy:
            def publish(self, message, _context):
                broker.invalidate()
                return deny(message.client.user)

            def connect(self, request, context):
                return deny(f"{request.client.user} {context.time_left() > 0}")

        service = Service(Policy())
        broker = service.broker
        first = Batch(clients=[{"ref": 1, "user": "bob"}])
        for i in (1, 2):
            first.requests.add(id=i, point=POINTS["publish"], client=1)
        second = Batch(gone=[1])
        second.requests.add(id=2**64 - 1, point=POINTS["publish"], client=1)
        stranger = Batch()
        stranger.requests.add(id=5, point=POINTS["publish"], client=1)
        stranger.requests.add(id=6, point=POINTS["publish"])
        third = Batch(clients=[{"ref": 2, "user": "ann"}])
        third.requests.add(id=4, point=POINTS["connect"], client=2, timeout_ms=60_000)

        def batches():
            yield from (first, second, stranger, third)
            pool.shutdown(wait=True)  # before the end of the stream the answer at connect is there

        pool = ThreadPoolExecutor(1)
        frames = list(Session(service, batches(), pool).run())
        got = [[(r.id, r.error or r.reason) for r in f.replies] for f in frames if f.replies]
        unknown = (5, "the broker has not said who client 1 is")
        self.assertEqual(got, [[(1, "bob"), (2, "bob")], [(2**64 - 1, "bob")], [unknown, (6, "")], [(4, "ann True")]])
        self.assertEqual(sum(len(f.commands) for f in frames), 4)

    def test_fault(self):
        class Broken(Service):
            def decide(self, *_):
                raise LookupError("no such thing")

        batch = Batch()
        batch.requests.add(id=1, point=POINTS["publish"])
        with self.assertLogs("moonwire_hook") as log:
            self.assertEqual(list(Session(Broken(Orders()), [batch], ThreadPoolExecutor(1)).run()), [])
        self.assertIn("the stream is ended: LookupError('no such thing')", log.output[0])

    def test_many_commands(self):
        broker = Service(Orders()).broker
        for i in range(2500):
            broker.disconnect({"user": f"u{i}"})
        sent = []
        broker.attach(lambda: sent.append(broker.take()))
        self.assertEqual([len(s) for s in reversed(sent)], [1000, 1000, 500])
        self.assertEqual([s[0].disconnect.of.user for s in reversed(sent)], ["u0", "u1000", "u2000"])

    def test_commands(self):
        broker = Service(Orders()).broker
        for of in ({}, {"user": ""}):
            with self.assertRaises(ValueError):
                broker.disconnect(of)
        with self.assertRaises(ValueError):
            broker.disconnect({"nobody": "x"})
        broker.set_permissions({"user": "u"}, None)
        (command,) = broker.take()
        self.assertFalse(command.set_permissions.HasField("permissions"))
        self.assertEqual(broker.take(), [])


class Process(unittest.TestCase):
    PROGRAM = str(Path(__file__).parent / "policy.py")

    def run_program(self, **env):
        return subprocess.run([sys.executable, self.PROGRAM], env={**os.environ, **env}, capture_output=True, text=True, timeout=60)

    def test_by_hand(self):
        got = self.run_program()
        self.assertEqual(got.returncode, 1)
        self.assertIn("is a plugin of the Moonwire broker", got.stderr)

    def test_another_version(self):
        got = self.run_program(MOONWIRE_HOOK="c0f6d4e0-hook", PLUGIN_PROTOCOL_VERSIONS="2,3")
        self.assertEqual((got.returncode, got.stdout), (1, ""))
        self.assertIn("speaks the versions 2, 3", got.stderr)
        self.assertIn("printed before the handshake", got.stderr)

    def test_signals(self):
        with tempfile.TemporaryDirectory() as directory:
            env = {**os.environ, "MOONWIRE_HOOK": "c0f6d4e0-hook", "PLUGIN_UNIX_SOCKET_DIR": directory}
            with subprocess.Popen([sys.executable, self.PROGRAM], env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as p:
                path = p.stdout.readline().decode().split("|")[3]
                for number in (signal.SIGTERM, signal.SIGINT):
                    p.send_signal(number)
                with grpc.insecure_channel(f"unix:{path}") as channel:
                    self.assertEqual(channel.unary_unary("/grpc.health.v1.Health/Check")(b"", timeout=30), b"\x08\x01")
                    channel.unary_unary("/plugin.GRPCController/Shutdown")(b"", timeout=30)
                self.assertEqual(p.wait(30), 0)

    def test_broker_dies(self):
        # A process between starts the plugin, and dies; nobody reads the plugin's log.
        between = f"""
import os, signal, subprocess, sys
p = subprocess.Popen([sys.executable, {self.PROGRAM!r}], stdout=subprocess.PIPE, stderr=subprocess.PIPE, pass_fds=[int(os.environ["TOLD"])])
p.stdout.readline()
os.kill(os.getpid(), signal.SIGKILL)
"""
        told, write = os.pipe()
        with tempfile.TemporaryDirectory() as directory, os.fdopen(told, "rb") as told:
            env = {**os.environ, "MOONWIRE_HOOK": "c0f6d4e0-hook", "PLUGIN_UNIX_SOCKET_DIR": directory, "TOLD": str(write)}
            with subprocess.Popen([sys.executable, "-c", between], env=env, pass_fds=[write]):
                os.close(write)
                self.assertEqual(told.read(), b"closed")

    def test_certificate(self):
        _, pem, der = self_signed()
        c = x509.load_pem_x509_certificate(pem)
        self.assertEqual(x509.load_der_x509_certificate(der), c)
        self.assertEqual(c.extensions.get_extension_for_class(x509.SubjectAlternativeName).value.get_values_for_type(x509.DNSName), ["localhost"])
        c.public_key().verify(c.signature, c.tbs_certificate_bytes, ec.ECDSA(c.signature_hash_algorithm))
        self.assertTrue(base64.b64encode(der))

    def test_log(self):
        out = io.StringIO()
        handler = logging.StreamHandler(out)
        handler.setFormatter(Formatter())
        logger = logging.Logger("test")
        logger.addHandler(handler)
        logger.warning("a %s", "line", extra={"fields": {"user": "bob", "@message": 5, "odd": object}})
        got = json.loads(out.getvalue())
        self.assertEqual((got["@level"], got["@message"], got["user"]), ("warn", "a line", "bob"))


class Example(unittest.TestCase):
    def service(self, config):
        service = Service(Orders(), REGISTRATIONS)
        return service, service.configure(ConfigureRequest(config=json.dumps(config).encode()))

    def test_configuration(self):
        _, said = self.service({})
        self.assertEqual(said.error, "config.clerk: say which user gives orders")
        _, said = self.service({"clerk": "bob"})
        self.assertEqual((said.error, said.version, len(said.registrations)), ("", "0.1.0", 2))

    def test_orders(self):
        service, _ = self.service({"clerk": "bob"})
        self.assertEqual(service.decide(request("publish"), BOB, 0).verdict, VERDICTS["allow"])
        self.assertEqual(service.decide(request("publish"), Client(user="eve"), 0).reason, "eve gives no orders")
        got = service.decide(request("inspect", registration=1, payload=b'{"id": "a", "amount": 1}'), BOB, 0)
        self.assertEqual(got.message.header, b"NATS/1.0\r\nInspected-By: orders\r\n\r\n")
        for payload in (b"", b"x", b"[]", b'{"id": 1, "amount": 1}', b'{"id": "a"}'):
            with self.subTest(payload):
                self.assertEqual(service.decide(request("inspect", registration=1, payload=payload), BOB, 0).verdict, VERDICTS["drop"])

    def test_readme(self):
        text = (Path(__file__).parent.parent / "README.md").read_text()
        source = text.partition("```python\n")[2].partition("```")[0]
        names = {"__name__": "readme"}
        exec(compile(source, "README.md", "exec"), names)
        service = Service(names["Policy"]())
        self.assertEqual(service.configure(ConfigureRequest(config=b'{"gateway": "bob"}')).error, "")
        self.assertEqual(service.decide(request("publish"), BOB, 0).verdict, VERDICTS["allow"])
        r = request("connect")
        r.connect.user = "bob"
        self.assertEqual(list(service.decide(r, BOB, 0).identity.permissions.publish.allow), ["orders.>"])


if __name__ == "__main__":
    unittest.main()
