"""The plugin of the tests: it does what subjects and users say."""

import logging
import os
import sys
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from moonwire_hook import Registration, allow, allow_as, deny, drop, fail, serve, to  # noqa: E402


class Policy:
    version = "test-1"

    def __init__(self):
        self.broker = None
        self.seen = []

    def configure(self, settings):
        if settings.config.get("refuse"):
            raise ValueError(settings.config["refuse"])
        self.broker = settings.broker
        self.seen = settings.state.decode().split(" ") if settings.state else []

    def state(self):
        return " ".join(self.seen)

    def close(self):
        logging.info("closed")
        if "TOLD" in os.environ:
            os.write(int(os.environ["TOLD"]), b"closed")

    def connect(self, request, context):
        if request.user == "deny":
            return deny(f"no {request.user}")
        if request.user == "slow":
            threading.Event().wait(context.time_left())
            return fail("nobody waits any more")
        if request.user == "typo":
            return allow_as(user="typo", permisions={})
        return allow_as(user=request.user, account=request.password, tags={"host": request.client.host})

    def publish(self, message, _context):
        what = message.subject.split(".")[1]
        if what == "deny":
            return deny(f"by {message.client.user}")
        if what == "throw":
            raise RuntimeError("by order")
        if what == "fail":
            return fail(RuntimeError("on purpose"))
        if what == "wrong":
            return True
        if what == "drop":
            return drop()
        if what == "pid":
            return deny(str(os.getpid()))
        if what == "seen":
            return deny(" ".join(self.seen))
        if what == "noise":
            print("a line of noise")
            print(message.subject)
            logging.warning("a line of the log", extra={"fields": {"user": message.client.user}})
        elif what == "disconnect":
            self.broker.disconnect({"user": "eve"}, "revoked")
        elif what == "permissions":
            self.broker.set_permissions({"id": message.client.id}, {"publish": {"deny": ["x"]}})
        elif what == "invalidate":
            self.broker.invalidate()
        return allow()

    def subscribe(self, subscription, _context):
        return deny(subscription.subject) if subscription.queue == "no" else None

    def rewrite(self, message, _context):
        if message.client.user:
            return fail("a field came that nobody wanted")
        return to(f"t.{message.client.account}.{message.subject}")

    def inspect(self, message, _context):
        if not message.payload:
            return drop("empty")
        message.payload = message.payload.upper()
        message.set_header("Seen", f"{message.get('seen', '')}{message.size}")

    def event(self, event):
        self.seen.append(f"{event.type}:{event.client.user if event.client else ''}")


REGISTRATIONS = [
    Registration("connect"),
    Registration("publish", subjects=["p.>"]),
    Registration("subscribe"),
    Registration("rewrite", subjects=["r.>"], fields=["subject", "account"]),
    Registration("inspect", subjects=["i.>"], fields=["subject", "headers", "payload", "user", "size"]),
    Registration("event"),
]

if __name__ == "__main__":
    print("printed before the handshake")
    serve(Policy(), REGISTRATIONS)
