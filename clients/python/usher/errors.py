"""What calls raise. The kinds are told apart so that a full queue is never taken for a wrong password."""

from __future__ import annotations

import math
from typing import Any

_MISUSE = {"bad_request", "unknown_op", "missing_field", "invalid_field", "line_too_long", "forbidden_op"}
_LOST = {
    "unreachable": "The daemon cannot be reached: {}.",
    "ended": "The daemon closed the connection before it answered.",
    "timed_out": "The daemon has not answered in time.",
    "garbled": "What the daemon's socket answers is no reply to what was asked.",
}


class UsherError(Exception):
    """A request that was not granted. Its text holds no password and no token; `members` may (a `challenge`)."""

    def __init__(self, code: str, message: str, status: int, members: dict[str, Any] | None = None) -> None:
        super().__init__(code, message, status)
        #: The stable word: `invalid_credentials`.
        self.code = code
        #: A sentence for people.
        self.message = message
        #: The HTTP status that a web app would send on.
        self.status = status
        #: The whole reply: what a code carries besides, such as `field` or `challenge`.
        self.members: dict[str, Any] = members or {}

    @property
    def retry_after(self) -> float | None:
        """Seconds to wait before the next attempt, where the daemon tells."""
        milliseconds, seconds = self.members.get("retry_after_ms"), self.members.get("retry_after")
        after: float | None = milliseconds / 1000 if milliseconds is not None else seconds
        return after

    def headers(self) -> dict[str, str]:
        """The headers that an HTTP response about this has."""
        headers = {"Cache-Control": "no-store"}
        if self.status == 401:
            headers["WWW-Authenticate"] = "Bearer"
        if self.retry_after is not None:
            headers["Retry-After"] = str(math.ceil(self.retry_after))
        return headers

    def body(self) -> dict[str, str]:
        """What such a response says."""
        return {"error": self.code, "message": self.message}

    def __str__(self) -> str:
        return f"{self.message} ({self.code})"


class Denied(UsherError):
    """The answer is no: show the visitor the `message`, send the `status`."""


class Misuse(UsherError):
    """The request is at fault: a defect of the program, or of what a person typed (`invalid_field`)."""


class RetryLater(UsherError):
    """The daemon cannot answer now. It says nothing of passwords and tokens."""

    @property
    def outcome_unknown(self) -> bool:
        """Whether a write may have taken place all the same: protocol.md says how to find out."""
        return self.code not in ("busy", "shutting_down")


class ConnectionLost(RetryLater):
    """There was no reply. `code` is `unreachable`, `ended`, `timed_out` or `garbled`."""

    def __init__(self, code: str, sent: bool = True, reason: str = "") -> None:
        """`sent`: whether the daemon may have got the whole request. `reason`: why it is unreachable."""
        super().__init__(code, _LOST[code].format(reason), 503)
        self._sent = sent

    @property
    def outcome_unknown(self) -> bool:
        return self._sent


def failure(reply: dict[str, Any]) -> UsherError:
    """The exception for a reply that is not `ok`."""
    code, message, status = reply.get("error"), reply.get("message"), reply.get("status")
    if reply.get("ok") is not False or not (isinstance(code, str) and isinstance(message, str) and isinstance(status, int)):
        return ConnectionLost("garbled")
    kind: type[UsherError] = Misuse if code in _MISUSE else RetryLater if status >= 500 else Denied
    return kind(code, message, status, reply)
