"""The client for threads."""

from __future__ import annotations

import os
import socket
import time
from collections import deque
from typing import Any

from . import _wire
from ._wire import EndUser, Ended, member
from .errors import ConnectionLost

Reply = dict[str, Any]


class _Connection:
    def __init__(self, path: str, deadline: float) -> None:
        self.socket = socket.socket(socket.AF_UNIX)
        self._last_id = _wire.first_id()
        try:
            self._connect(path, deadline)
        except OSError as error:
            lost: ConnectionLost = _wire.unreachable(error)
        except ConnectionLost as error:
            lost = error
        else:
            return
        self.socket.close()
        raise lost

    def _connect(self, path: str, deadline: float) -> None:
        while True:
            self._limit(deadline, sent=False)
            try:
                return self.socket.connect(path)
            except BlockingIOError:
                # So many wait to be taken up that there is no room for one more.
                time.sleep(0.01)

    def exchange(self, op: str, members: Reply, deadline: float) -> tuple[Reply, bool]:
        """The reply, and whether the connection may be kept."""
        self._last_id += 1
        sent = False
        try:
            self._limit(deadline, sent)
            self.socket.sendall(_wire.encode(op, members, self._last_id))
            sent = True
        except OSError:
            # Whoever was turned away at the door cannot write, and finds the reason here.
            pass
        reply = _wire.decode(self._line(deadline, sent))
        if reply.get("id") == self._last_id and sent:
            return reply, True
        if _wire.is_turned_away(reply):
            return reply, False
        raise _wire.garbled()

    def _line(self, deadline: float, sent: bool) -> bytes:
        data = bytearray()
        while not data.endswith(b"\n"):
            try:
                self._limit(deadline, sent)
                piece = self.socket.recv(1 << 16)
            except TimeoutError:
                piece = None
            except OSError:
                piece = b""
            if piece is None:
                raise _wire.timed_out(sent)
            if not piece:
                raise Ended(sent)
            data += piece
            if b"\n" in piece[:-1] or len(data) > _wire.MAX_REPLY:
                raise _wire.garbled()
        return bytes(data)

    def _limit(self, deadline: float, sent: bool) -> None:
        left = deadline - time.monotonic()
        if left <= 0:
            raise _wire.timed_out(sent)
        self.socket.settimeout(left)


class Client:
    """
    A client that any number of threads may share, and that goes on in a forked process.

    It keeps as many connections as there are threads that ask at the same time. One with a request that was not answered is closed and never
    used again. Every method raises `Denied`, `RetryLater` or `Misuse`.
    """

    def __init__(self, path: str = _wire.USUAL_PATH, timeout: float = 10.0) -> None:
        """`timeout`: seconds from connecting to the reply."""
        self._path, self._timeout = path, timeout
        self._idle: deque[_Connection] = deque()
        self._pid = os.getpid()

    def close(self) -> None:
        """Closes the connections that are idle. The next request makes another one."""
        while self._idle:
            self._idle.pop().socket.close()

    def call(self, op: str, **members: Any) -> Reply:
        """Sends a request; the members of the reply. For operations that have no method here."""
        deadline = time.monotonic() + self._timeout
        for attempt in (1, 2):
            connection = self._take() or _Connection(self._path, deadline)
            kept = False
            try:
                reply, kept = connection.exchange(op, members, deadline)
            except Ended as ended:
                # What was not sent whole was not carried out. What was, and changes nothing, may be asked again.
                if attempt == 2 or (ended.sent and op not in _wire.REPEATABLE):
                    lost = ended.lost()
                    break
                continue
            finally:
                # Until its reply is there a connection is nobody's, whatever happens.
                if kept:
                    self._idle.append(connection)
                else:
                    connection.socket.close()
            return _wire.granted(reply)
        raise lost

    def _take(self) -> _Connection | None:
        if self._pid != os.getpid():
            self.close()
            self._pid = os.getpid()
        while True:
            try:
                connection = self._idle.pop()
            except IndexError:
                return None
            if _wire.peek(connection.socket) is None:
                return connection
            connection.socket.close()

    def ping(self) -> Reply:
        return self.call("PING")

    def help(self, topic: str | None = None) -> list[Reply]:
        return member(self.call("HELP", topic=topic), "ops", list)

    def register(
        self, username: str, email: str, password: str, *, audience: str | None = None, client: EndUser | None = None
    ) -> Reply:
        """Creates an account: `user`, and `access_token` and `refresh_token`, unless the email must be confirmed first."""
        return self.call("REGISTER", username=username, email=email, password=password, audience=audience, client=client)

    def login(self, login: str, password: str, *, audience: str | None = None, client: EndUser | None = None) -> Reply:
        """`login` is a username or an email. With a second factor it is `Denied` with the code `otp_required` and a `challenge`."""
        return self.call("LOGIN", login=login, password=password, audience=audience, client=client)

    def finish_login(self, challenge: str, code: str, *, client: EndUser | None = None) -> Reply:
        """The second step."""
        return self.call("LOGIN", challenge=challenge, code=code, client=client)

    def verify(
        self, token: str | None = None, *, authorization: str | None = None, audience: str | None = None, optional: bool | None = None
    ) -> Reply | None:
        """The token's claims; with `optional` None where it is no good."""
        reply = self.call("VERIFY", token=token, authorization=authorization, audience=audience, optional=optional)
        return None if optional and reply.get("claims") is None else member(reply, "claims", dict)

    def authorize(
        self, token: str | None = None, *, roles: list[str] | None = None, permissions: list[str] | None = None,
        authorization: str | None = None, audience: str | None = None,
    ) -> Reply:
        """The claims of a token that has any of the roles and all of the permissions."""
        reply = self.call(
            "AUTHORIZE", token=token, roles=roles, permissions=permissions, authorization=authorization, audience=audience)
        return member(reply, "claims", dict)

    def refresh(self, refresh_token: str, *, client: EndUser | None = None) -> Reply:
        """Exchanges a refresh token, which is good once."""
        return self.call("REFRESH", refresh_token=refresh_token, client=client)

    def revoke(self, token: str, *, scope: str | None = None, session: str | None = None) -> bool:
        """`scope` is `token`, `session` or `user`. False where nothing could be used any more."""
        return member(self.call("REVOKE", token=token, scope=scope, session=session), "revoked", bool)

    def password(
        self, token: str, password: str, new_password: str, *, audience: str | None = None, client: EndUser | None = None
    ) -> Reply:
        return self.call(
            "PASSWORD", token=token, password=password, new_password=new_password, audience=audience, client=client)

    def recover(self, email: str, *, client: EndUser | None = None) -> Reply:
        """A `reset_token` to send to the `email` of the reply, or None. Show all visitors the same page."""
        return self.call("RECOVER", email=email, client=client)

    def reset(self, reset_token: str, new_password: str, *, client: EndUser | None = None) -> Reply:
        return self.call("RESET", reset_token=reset_token, new_password=new_password, client=client)

    def confirm(
        self, *, confirmation_token: str | None = None, token: str | None = None, email: str | None = None,
        audience: str | None = None, client: EndUser | None = None,
    ) -> Reply:
        """Confirms an email by its `confirmation_token`; issues one by `token` or `email`."""
        return self.call(
            "CONFIRM", confirmation_token=confirmation_token, token=token, email=email, audience=audience, client=client)

    def profile(
        self, token: str, *, username: str | None = None, email: str | None = None, claims: Reply | None = None,
        password: str | None = None, code: str | None = None, audience: str | None = None, client: EndUser | None = None,
    ) -> Reply:
        """The user as it is now, after what is asked for has been changed."""
        reply = self.call(
            "PROFILE", token=token, username=username, email=email, claims=claims, password=password, code=code,
            audience=audience, client=client)
        return member(reply, "user", dict)

    def sessions(self, token: str, *, audience: str | None = None) -> list[Reply]:
        return member(self.call("SESSIONS", token=token, audience=audience), "sessions", list)

    def delete(self, token: str, password: str, *, audience: str | None = None, client: EndUser | None = None) -> Reply:
        return self.call("DELETE", token=token, password=password, audience=audience, client=client)

    def totp(
        self, action: str, token: str, *, password: str | None = None, code: str | None = None,
        audience: str | None = None, client: EndUser | None = None,
    ) -> Reply:
        """`action` is `status`, `enrol`, `confirm`, `recovery_codes` or `disable`."""
        return self.call("TOTP", action=action, token=token, password=password, code=code, audience=audience, client=client)
