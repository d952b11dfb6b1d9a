#!/usr/bin/env python3
"""An example: one user gives orders, which are JSON with an id and an amount."""

import json

from moonwire_hook import Cache, Registration, allow, deny, drop, serve


class Orders:
    version = "0.1.0"

    def configure(self, settings):
        self.clerk = settings.config.get("clerk")
        if not self.clerk:
            raise ValueError("config.clerk: say which user gives orders")

    def publish(self, message, _context):
        if message.client.user == self.clerk:
            return allow()
        return deny(f"{message.client.user} gives no orders")

    def inspect(self, message, _context):
        try:
            order = json.loads(message.payload)
        except ValueError:
            return drop("it is not JSON")
        if not isinstance(order, dict) or not isinstance(order.get("id"), str) or not isinstance(order.get("amount"), int):
            return drop("an order has an id, which is a text, and an amount, which is a number")
        message.set_header("Inspected-By", "orders")
        return None


REGISTRATIONS = [
    Registration(
        "publish", subjects=["orders.>"], fields=["user", "subject"], cache=Cache(by=["user", "subject"], ttl=30)
    ),
    Registration("inspect", subjects=["orders.>"], fields=["headers", "payload"], max_payload=65536),
]

if __name__ == "__main__":
    serve(Orders(), REGISTRATIONS)
