"""Hooks of the Moonwire broker in Python: see README.md.

A plugin is an object with a method for each point that it wants to be asked at;
serve does the rest. Methods at one point are called by one thread, but those at
connect, which have threads of their own.
"""

from .decision import Decision, allow, allow_as, deny, drop, fail, passed, to
from .message import Client, Connect, Event, Message, Subscription
from .serve import serve
from .service import Broker, Cache, Context, Registration, Settings

__all__ = [
    "Broker",
    "Cache",
    "Client",
    "Connect",
    "Context",
    "Decision",
    "Event",
    "Message",
    "Registration",
    "Settings",
    "Subscription",
    "allow",
    "allow_as",
    "deny",
    "drop",
    "fail",
    "passed",
    "serve",
    "to",
]
