"""Requests as lines, and replies from lines: what both clients share."""

from __future__ import annotations

import json
import secrets
import socket
from typing import Any, TypedDict, TypeVar

from .errors import ConnectionLost, failure

USUAL_PATH = "/run/usher/usher.sock"
REPEATABLE = {"VERIFY", "AUTHORIZE", "PING", "HELP"}
MAX_REPLY = 16 << 20
_Kind = TypeVar("_Kind")


class EndUser(TypedDict, total=False):
    """The visitor, as the app sees them."""

    ip: str
    user_agent: str


class Ended(Exception):
    """The connection has ended without a reply. `sent`: whether the daemon may have got the whole request."""

    def __init__(self, sent: bool) -> None:
        super().__init__()
        self.sent = sent

    def lost(self) -> ConnectionLost:
        return ConnectionLost("ended", "The daemon closed the connection before it answered.", self.sent)


def first_id() -> int:
    """Where the ids of a connection begin: nowhere that another one's do."""
    return secrets.randbits(48)


def encode(op: str, members: dict[str, Any], number: int) -> bytes:
    present = {name: value for name, value in members.items() if value is not None}
    return json.dumps({"id": number, "op": op, **present}).encode() + b"\n"


def decode(line: bytes) -> dict[str, Any]:
    try:
        reply = json.loads(line)
    except ValueError:
        reply = None
    if not isinstance(reply, dict):
        raise garbled()
    return reply


def granted(reply: dict[str, Any]) -> dict[str, Any]:
    """The members of a reply that is `ok`."""
    if reply.get("ok") is True:
        return {name: value for name, value in reply.items() if name not in ("id", "ok")}
    if reply.get("ok") is False:
        raise failure(reply)
    raise garbled()


def is_turned_away(reply: dict[str, Any]) -> bool:
    """Whether this is what is answered without an id: at the door, or to a line that is too long."""
    return "id" not in reply and reply.get("ok") is False


def member(reply: dict[str, Any], name: str, kind: type[_Kind]) -> _Kind:
    value = reply.get(name)
    if not isinstance(value, kind):
        raise garbled()
    return value


def garbled() -> ConnectionLost:
    return ConnectionLost("garbled", "What the daemon's socket answers is no reply to what was asked.")


def unreachable(error: OSError) -> ConnectionLost:
    return ConnectionLost("unreachable", f"The daemon cannot be reached: {error.strerror or 'no answer'}.", sent=False)


def timed_out(sent: bool = True) -> ConnectionLost:
    return ConnectionLost("timed_out", "The daemon has not answered in time.", sent)


def peek(connection: socket.socket) -> bytes | None:
    """A byte that waits to be read; nothing at the end; None on a connection that is open and quiet. Leaves it non-blocking."""
    connection.setblocking(False)
    try:
        return connection.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return None
    except OSError:
        return b""
