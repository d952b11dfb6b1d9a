"""Answers. Each function makes one; a method that returns nothing passes."""

import dataclasses
import datetime
from typing import Any, Mapping, Optional, Union

from .protocol import VERDICTS, Identity, Permissions


@dataclasses.dataclass(frozen=True)
class Decision:
    """An answer: what allow and the others return."""

    verdict: str
    reason: str = ""
    identity: Optional[Any] = None
    subject: bytes = b""
    error: str = ""
    ttl_ms: int = 0
    uncached: bool = False

    def lasting(self, seconds: float) -> "Decision":
        """Shortens how long the broker keeps the answer."""
        return dataclasses.replace(self, ttl_ms=max(int(seconds * 1000), 1))

    def no_cache(self) -> "Decision":
        """Has the broker not keep the answer."""
        return dataclasses.replace(self, uncached=True)


def passed() -> Decision:
    """No opinion: the next hook is asked."""
    return Decision("pass")


def allow() -> Decision:
    """A yes; other hooks may still deny."""
    return Decision("allow")


def allow_as(
    *,
    expires: Union[datetime.datetime, int, None] = None,
    permissions: Optional[Mapping[str, Any]] = None,
    **identity: Any,
) -> Decision:
    """A yes to a client as somebody: user, account, permissions, limits, tags, expires.

    Permissions and limits are dictionaries of the form that hook.proto gives them,
    expires is an aware datetime or seconds since 1970. It raises a ValueError or
    TypeError for a key or a value that is none.
    """
    out = Identity(**identity)
    if permissions is not None:
        out.permissions.CopyFrom(permissions_message(permissions))
    if isinstance(expires, datetime.datetime):
        if expires.tzinfo is None:
            raise ValueError("expires: the datetime has no time zone")
        expires = int(expires.timestamp())
    if expires is not None:
        out.expires = max(expires, 1)  # 0 would be never
    return Decision("allow", identity=out)


def deny(reason: object = "") -> Decision:
    """A no. The reason is for the broker's log; the client does not see it."""
    return Decision("deny", reason=str(reason))


def drop(reason: object = "") -> Decision:
    """Takes a message away at inspect, without a word to the client."""
    return Decision("drop", reason=str(reason))


def to(subject: Union[str, bytes]) -> Decision:
    """Gives a message another subject at rewrite, without wildcards. What is odd in the old one may be in it."""
    return Decision("replace", subject=subject.encode("utf-8", "surrogateescape") if isinstance(subject, str) else subject)


def fail(error: object) -> Decision:
    """No answer: the broker does what its operator has configured for that."""
    return Decision("pass", error=str(error) or "the plugin failed and does not say why")


def permissions_message(permissions: Mapping[str, Any]):
    """Returns the Permissions message of a dictionary."""
    for side in ("publish", "subscribe"):
        rules = permissions.get(side) or {}
        for key, subjects in rules.items():
            if isinstance(subjects, (str, bytes)):
                raise TypeError(f"permissions.{side}.{key}: want a list of subjects")
        if rules.get("allow") is not None and len(rules["allow"]) == 0:
            raise ValueError(f"permissions.{side}.allow: an empty list would allow everything: leave it out, or deny '>'")
    return Permissions(**permissions)


_TAKEN = {
    "connect": ("pass", "allow", "deny"),
    "rewrite": ("pass", "deny", "replace"),
    "publish": ("pass", "allow", "deny"),
    "subscribe": ("pass", "allow", "deny"),
    "inspect": ("pass", "deny", "drop"),
}
_HELPERS = {"pass": "passed()", "allow": "allow()", "deny": "deny()", "drop": "drop()", "replace": "to()"}


def decided(answer: Optional[Decision], point: str) -> Decision:
    """Returns what a method has returned as a Decision that the point takes."""
    if answer is None:
        return Decision("pass")
    want = ", ".join(_HELPERS[v] for v in _TAKEN[point])
    if not isinstance(answer, Decision):
        raise TypeError(f"it returned {type(answer).__name__}: want one of {want}, or nothing")
    if answer.verdict not in _TAKEN[point]:
        raise TypeError(f"it returned {_HELPERS[answer.verdict]}: want one of {want}, or nothing")
    if answer.identity is not None and point != "connect":
        raise TypeError("it returned allow_as(): that is for connect")
    return answer


def number(verdict: str) -> int:
    """Returns the number of a verdict in the protocol."""
    return VERDICTS[verdict]
