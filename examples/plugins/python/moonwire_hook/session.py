"""One stream of the broker: frames of questions in, frames of answers out."""

import logging
import queue
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from .message import Client
from .protocol import POINTS, Replies, Reply

_log = logging.getLogger("moonwire_hook")

_NOBODY = Client()
_END = object()
_COMMANDS = object()


class Session:
    """Answers the frames of a stream, as an iterator of Replies."""

    def __init__(self, service, batches, pool: ThreadPoolExecutor):
        self._service = service
        self._batches = iter(batches)
        self._pool = pool  # for those at connect, which wait for something
        self._clients = {}  # by ref; the reader's only
        self._out = queue.SimpleQueue()

    def run(self):
        """Yields what is to be sent until the broker ends the stream."""
        threading.Thread(target=self._read, daemon=True).start()
        self._service.broker.attach(lambda: self._out.put(_COMMANDS))
        while True:
            item = self._out.get()
            if item is _END:
                return
            replies = [] if item is _COMMANDS else item
            out = Replies(replies=replies, commands=self._service.broker.take())
            if out.replies or out.commands:
                yield out

    def _read(self) -> None:
        try:
            while (batch := self._next()) is not None:
                self._frame(batch)
        except Exception as error:  # which nobody would see, as the broker ends a process that ends its stream
            _log.exception("the stream is ended: %r", error)
        finally:
            self._out.put(_END)

    def _next(self):
        """Returns the next frame, or None when the broker has ended the stream."""
        try:
            return next(self._batches, None)
        except Exception:  # with an error
            return None

    def _frame(self, batch) -> None:
        for c in batch.clients:
            self._clients[c.ref] = Client.of(c)
        came = time.monotonic()
        ready = []
        for r in batch.requests:
            client = self._clients.get(r.client) if r.client else _NOBODY
            if client is None:  # or somebody would be decided about as nobody
                ready.append(Reply(id=r.id, error=f"the broker has not said who client {r.client} is"))
            elif r.point == POINTS["connect"]:
                self._pool.submit(self._later, r, client, came)
            else:
                ready.append(self._service.decide(r, client, came))
        for ref in batch.gone:  # the requests of this frame have theirs
            self._clients.pop(ref, None)
        if ready:
            self._out.put(ready)

    def _later(self, request, client: Client, came: float) -> None:
        self._out.put([self._service.decide(request, client, came)])
