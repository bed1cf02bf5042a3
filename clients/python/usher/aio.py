"""The client for asyncio."""

from __future__ import annotations

import asyncio
import os
import socket
from typing import Any

from . import _wire
from ._aio import Connection, Request
from ._wire import EndUser, Reply, member
from .errors import ConnectionLost

# A longer line goes on a connection of its own: the answer to one that is too long ends a connection.
_LONG = 8192


class AsyncClient:
    """
    A client for the tasks of an event loop: one connection for all of them, with an id a request.

    When a request times out or is cancelled, its connection takes no others, and is closed when those that wait have their replies. Every method
    raises `Denied`, `RetryLater` or `Misuse`.
    """

    def __init__(self, path: str | os.PathLike[str] = _wire.USUAL_PATH, timeout: float = 10.0) -> None:
        """`timeout`: seconds from connecting to the reply."""
        self._path, self._timeout = os.fspath(path), timeout
        self._connection: Connection | None = None
        self._owner: tuple[int, asyncio.AbstractEventLoop] | None = None
        self._opening = asyncio.Lock()

    async def close(self) -> None:
        """Closes the connection. The next request makes another one."""
        connection, self._connection = self._connection, None
        if connection:
            connection.close()
            await connection.closed()

    async def call(self, op: str, **members: Any) -> Reply:
        """Sends a request; the members of the reply. For operations that have no method here."""
        request = Request(_wire.encode(op, members), asyncio.get_running_loop())
        try:
            reply = await asyncio.wait_for(self._answer(op, request), self._timeout)
        except asyncio.TimeoutError:
            raise ConnectionLost("timed_out", request.sent) from None
        return _wire.granted(reply)

    async def _answer(self, op: str, request: Request) -> Reply:
        try:
            return await self._exchange(request)
        except ConnectionLost as lost:
            if not _wire.may_ask_again(op, lost):
                raise
        request.reply, request.sent = asyncio.get_running_loop().create_future(), False
        return await self._exchange(request)

    async def _exchange(self, request: Request) -> Reply:
        if len(request.line) <= _LONG:
            return await (await self._open()).exchange(request)
        connection = await self._connected()
        try:
            return await connection.exchange(request)
        finally:
            connection.close()

    async def _open(self) -> Connection:
        loop = asyncio.get_running_loop()
        if self._owner != (os.getpid(), loop):
            # The connection is of another process, or of a loop that is over.
            if self._connection:
                self._connection.socket.close()
            self._owner, self._connection, self._opening = (os.getpid(), loop), None, asyncio.Lock()
        async with self._opening:
            if self._connection and self._connection.takes_requests():
                return self._connection
            if self._connection:
                self._connection.retire()
            self._connection = await self._connected()
            return self._connection

    async def _connected(self) -> Connection:
        connection = socket.socket(socket.AF_UNIX)
        connection.setblocking(False)
        try:
            while True:
                try:
                    # (The loop's own way takes a full queue for a connection that is under way.)
                    connection.connect(self._path)
                    return Connection(connection, asyncio.get_running_loop())
                except BlockingIOError:
                    # So many wait to be taken up that there is no room for one more.
                    await asyncio.sleep(0.01)
        except OSError as error:
            connection.close()
            raise _wire.unreachable(error) from None
        except asyncio.CancelledError:
            connection.close()
            raise

    async def ping(self) -> Reply:
        return await self.call("PING")

    async def help(self, topic: str | None = None) -> list[Reply]:
        return member(await self.call("HELP", topic=topic), "ops", list)

    async def register(
        self, username: str, email: str, password: str, *, audience: str | None = None, client: EndUser | None = None
    ) -> Reply:
        """Creates an account: `user`, and `access_token` and `refresh_token`, unless the email must be confirmed first."""
        return await self.call("REGISTER", username=username, email=email, password=password, audience=audience, client=client)

    async def login(self, login: str, password: str, *, audience: str | None = None, client: EndUser | None = None) -> Reply:
        """`login` is a username or an email. With a second factor it is `Denied` with the code `otp_required` and a `challenge`."""
        return await self.call("LOGIN", login=login, password=password, audience=audience, client=client)

    async def finish_login(self, challenge: str, code: str, *, client: EndUser | None = None) -> Reply:
        """The second step."""
        return await self.call("LOGIN", challenge=challenge, code=code, client=client)

    async def verify(
        self, token: str | None = None, *, authorization: str | None = None, audience: str | None = None, optional: bool | None = None
    ) -> Reply | None:
        """The token's claims; with `optional` None where it is no good."""
        reply = await self.call("VERIFY", token=token, authorization=authorization, audience=audience, optional=optional)
        return None if optional and reply.get("claims") is None else member(reply, "claims", dict)

    async def authorize(
        self, token: str | None = None, *, roles: list[str] | None = None, permissions: list[str] | None = None,
        authorization: str | None = None, audience: str | None = None,
    ) -> Reply:
        """The claims of a token that has any of the roles and all of the permissions."""
        reply = await self.call(
            "AUTHORIZE", token=token, roles=roles, permissions=permissions, authorization=authorization, audience=audience)
        return member(reply, "claims", dict)

    async def refresh(self, refresh_token: str, *, client: EndUser | None = None) -> Reply:
        """Exchanges a refresh token, which is good once."""
        return await self.call("REFRESH", refresh_token=refresh_token, client=client)

    async def revoke(self, token: str, *, scope: str | None = None, session: str | None = None) -> bool:
        """`scope` is `token`, `session` or `user`. False where nothing could be used any more."""
        return member(await self.call("REVOKE", token=token, scope=scope, session=session), "revoked", bool)

    async def password(
        self, token: str, password: str, new_password: str, *, audience: str | None = None, client: EndUser | None = None
    ) -> Reply:
        return await self.call(
            "PASSWORD", token=token, password=password, new_password=new_password, audience=audience, client=client)

    async def recover(self, email: str, *, client: EndUser | None = None) -> Reply:
        """A `reset_token` to send to the `email` of the reply, or None. Show all visitors the same page."""
        return await self.call("RECOVER", email=email, client=client)

    async def reset(self, reset_token: str, new_password: str, *, client: EndUser | None = None) -> Reply:
        return await self.call("RESET", reset_token=reset_token, new_password=new_password, client=client)

    async def confirm(
        self, *, confirmation_token: str | None = None, token: str | None = None, email: str | None = None,
        audience: str | None = None, client: EndUser | None = None,
    ) -> Reply:
        """Confirms an email by its `confirmation_token`; issues one by `token` or `email`."""
        return await self.call(
            "CONFIRM", confirmation_token=confirmation_token, token=token, email=email, audience=audience, client=client)

    async def profile(
        self, token: str, *, username: str | None = None, email: str | None = None, claims: Reply | None = None,
        password: str | None = None, code: str | None = None, audience: str | None = None, client: EndUser | None = None,
    ) -> Reply:
        """The user as it is now, after what is asked for has been changed."""
        reply = await self.call(
            "PROFILE", token=token, username=username, email=email, claims=claims, password=password, code=code,
            audience=audience, client=client)
        return member(reply, "user", dict)

    async def sessions(self, token: str, *, audience: str | None = None) -> list[Reply]:
        return member(await self.call("SESSIONS", token=token, audience=audience), "sessions", list)

    async def delete(self, token: str, password: str, *, audience: str | None = None, client: EndUser | None = None) -> Reply:
        return await self.call("DELETE", token=token, password=password, audience=audience, client=client)

    async def totp(
        self, action: str, token: str, *, password: str | None = None, code: str | None = None,
        audience: str | None = None, client: EndUser | None = None,
    ) -> Reply:
        """`action` is `status`, `enrol`, `confirm`, `recovery_codes` or `disable`."""
        return await self.call("TOTP", action=action, token=token, password=password, code=code, audience=audience, client=client)
