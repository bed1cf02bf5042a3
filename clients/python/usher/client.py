"""The client for threads."""

from __future__ import annotations

import os
import time
from typing import Any

from . import _wire
from ._sync import Connections
from ._wire import EndUser, Reply, member
from .errors import ConnectionLost


class Client:
    """
    A client that any number of threads may share, and that goes on in a forked process.

    It keeps as many connections as there are threads that ask at the same time. One with a request that was not answered is closed and never
    used again. Every method raises `Denied`, `RetryLater` or `Misuse`.
    """

    def __init__(self, path: str | os.PathLike[str] = _wire.USUAL_PATH, timeout: float = 10.0) -> None:
        """`timeout`: seconds from connecting to the reply."""
        self._path, self._timeout = os.fspath(path), timeout
        self._connections = Connections()

    def close(self) -> None:
        """Closes the connections that are idle. The next request makes another one."""
        self._connections.close_idle()

    def call(self, op: str, **members: Any) -> Reply:
        """Sends a request; the members of the reply. For operations that have no method here."""
        deadline, request = time.monotonic() + self._timeout, _wire.encode(op, members)
        try:
            return self._ask(request, deadline)
        except ConnectionLost as lost:
            if not _wire.may_ask_again(op, lost):
                raise
        return self._ask(request, deadline)

    def _ask(self, request: bytes, deadline: float) -> Reply:
        connections = self._connections
        if connections.pid != os.getpid():
            connections.close_copies()
            connections = self._connections = Connections()
        connection, answered = connections.take(), False
        try:
            connection.connect(self._path, deadline)
            reply, answered = connection.exchange(request, deadline)
        finally:
            # Until its reply is there a connection is nobody's, whatever happens.
            connections.give_back(connection, answered)
        return _wire.granted(reply)

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
