"""Requests as lines, and replies from lines: what both clients share."""

from __future__ import annotations

import json
import secrets
from typing import Any, Callable, TypedDict, TypeVar

from .errors import ConnectionLost, Misuse, failure

Reply = dict[str, Any]

USUAL_PATH = "/run/usher/usher.sock"
REPEATABLE = {"VERIFY", "AUTHORIZE", "PING", "HELP"}
MAX_REPLY = 16 << 20
# Of arrays and objects in each other, the request itself included.
MAX_LEVELS = 32
_Kind = TypeVar("_Kind")
# What is answered without an id, as a line that is no JSON for the daemon is, is not sent at all: lone surrogates, too, which cannot be encoded.
_text: Callable[[str], str] = getattr(json.encoder, "encode_basestring")
_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode


class EndUser(TypedDict, total=False):
    """The visitor, as the app sees them."""

    ip: str
    user_agent: str


def first_id() -> int:
    """Where the ids of a connection begin: nowhere that another one's do."""
    return secrets.randbits(48)


def encode(op: str, members: dict[str, Any]) -> bytes:
    """All of a request's line that comes after its id."""
    try:
        present = "".join([f",{_text(name)}:{_value(value)}" for name, value in members.items() if value is not None and name != "id"])
        return f',"op":{_value(op)}{present}}}\n'.encode()
    except (TypeError, ValueError, RecursionError):
        fault = Misuse("bad_request", "The request cannot be written as JSON.", 400)
    # Without the cause, which may show what could not be written.
    raise fault


def _value(value: Any) -> str:
    # Nearly all is text, for which the whole encoder is slow.
    if type(value) is str:
        return _text(value)
    if _levels(value) >= MAX_LEVELS:
        raise ValueError
    return _json(value)


def _levels(value: Any) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, (list, tuple)) else None
    return 0 if inner is None else 1 + max(map(_levels, inner), default=0)


def decode(line: bytes | bytearray) -> Reply:
    try:
        reply = json.loads(line.decode())
    except (ValueError, RecursionError):
        reply = None
    if not isinstance(reply, dict):
        raise ConnectionLost("garbled")
    return reply


def granted(reply: Reply) -> Reply:
    """The members of a reply that is `ok`."""
    if reply.get("ok") is not True:
        raise failure(reply)
    del reply["id"], reply["ok"]
    return reply


def is_turned_away(reply: dict[str, Any]) -> bool:
    """Whether this is what is answered without an id: at the door, or to a line that is too long."""
    return "id" not in reply and reply.get("ok") is False


def member(reply: dict[str, Any], name: str, kind: type[_Kind]) -> _Kind:
    value = reply.get(name)
    if not isinstance(value, kind):
        raise ConnectionLost("garbled")
    return value


def unreachable(error: OSError) -> ConnectionLost:
    return ConnectionLost("unreachable", sent=False, reason=error.strerror or "no answer")


def may_ask_again(op: str, lost: ConnectionLost) -> bool:
    """What was not sent whole was not carried out. What was, and changes nothing, may be asked again."""
    return lost.code == "ended" and (not lost.outcome_unknown or op in REPEATABLE)
