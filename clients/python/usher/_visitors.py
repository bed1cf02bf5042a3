"""Who asks. What is done is the same for both kinds: generators ask for calls, and a synchronous or an asynchronous visitor makes them."""

from __future__ import annotations

import asyncio
import re
import threading
from typing import Any, Coroutine, Generator, Iterable, TypeVar

from ._refreshes import AsyncRefreshes, Refreshes
from ._wire import EndUser, Reply
from .aio import AsyncClient
from .client import Client
from .errors import Denied, UsherError

_TOKEN = re.compile("[!-~]{1,4096}")
_Result = TypeVar("_Result")
_Steps = Generator[tuple[str, dict[str, Any]], Any, _Result]


class Cookies:
    """How tokens lie in the browser: out of scripts' reach, for this site alone. `domain` shares them with subdomains."""

    def __init__(self, domain: str | None = None, secure: bool = True) -> None:
        self._tail = "; Path=/; HttpOnly; SameSite=Lax" + ("; Secure" if secure else "") + (f"; Domain={domain}" if domain else "")

    def read(self, header: str) -> tuple[str | None, str | None]:
        """The access and the refresh token in a Cookie header."""
        found: dict[str, str] = {}
        for pair in header.split(";"):
            name, _, value = pair.strip().partition("=")
            # Anything else is no token.
            if _TOKEN.fullmatch(value):
                found.setdefault(name, value)
        return found.get("usher_access"), found.get("usher_refresh")

    def keep(self, grant: Reply) -> list[str]:
        """The Set-Cookie headers for what REGISTER, LOGIN or REFRESH answered."""
        return [
            f"usher_access={grant['access_token']}; Max-Age={grant['expires_in']}{self._tail}",
            f"usher_refresh={grant['refresh_token']}; Max-Age={grant['refresh_expires_in']}{self._tail}",
        ]

    def drop(self) -> list[str]:
        return [f"{name}=; Max-Age=0{self._tail}" for name in ("usher_access", "usher_refresh")]


class _Visitor:
    def __init__(self, cookies: Cookies, header: str, authorization: str | None, end_user: EndUser | None) -> None:
        self._cookies = cookies
        #: What the daemon is told of the visitor, where the app tells it.
        self.end_user = end_user
        # (A proxy may have a password of its own there.)
        self._authorization = authorization if authorization and re.match(r"bearer(\s|$)", authorization, re.I) else None
        self._access, self._refresh = cookies.read(header) if self._authorization is None else (None, None)
        self._set: list[str] = []
        self._sent = False
        #: What the visitor's token says; None before it was asked for, and where there is none.
        self.claims: Reply | None = None

    @property
    def access_token(self) -> str | None:
        """For what the client is asked on the visitor's behalf, after `require`: `client.sessions(visitor().access_token)`."""
        return self._access or (self._authorization or "").partition(" ")[2].strip() or None

    def remember(self, grant: Reply) -> Reply:
        """Keeps what REGISTER or LOGIN answered in the visitor's cookies. One without tokens (an email is to be confirmed first) changes nothing."""
        if "access_token" in grant:
            self._access, self._refresh, self._authorization, self.claims = grant["access_token"], grant["refresh_token"], None, None
            self._set = self._cookies.keep(grant)
        return grant

    def forget(self) -> None:
        """Drops the cookies. `logout` ends the session, too."""
        self._access = self._refresh = self._authorization = self.claims = None
        self._set = self._cookies.drop()

    def headers(self) -> list[tuple[str, str]]:
        """What the response is to have besides. From then on nothing is refreshed: the new tokens would be lost."""
        self._sent = True
        return [*(("Set-Cookie", cookie) for cookie in self._set), *([("Cache-Control", "no-store")] if self._set else [])]

    def _require(self, roles: Iterable[str] | None, permissions: Iterable[str] | None) -> _Steps[Reply]:
        self.claims = None
        claims: Reply
        method, asked = "verify", dict[str, Any]()
        if roles is not None or permissions is not None:
            # An empty list is one: the daemon refuses it.
            method = "authorize"
            asked = {name: list(words) for name, words in (("roles", roles), ("permissions", permissions)) if words is not None}
        if self._authorization is not None:
            self.claims = claims = yield method, {"authorization": self._authorization, **asked}
            return claims
        refreshed = 0
        while True:
            renewable = self._refresh is not None and not self._sent and refreshed < 2
            if self._access or not renewable:
                try:
                    self.claims = claims = yield method, {"token": self._access, **asked}
                    return claims
                except Denied as denied:
                    # (Twice, where the account has changed since the refresh, which another request may have made some seconds ago.)
                    if denied.status != 401 or not renewable:
                        raise
            try:
                grant = yield "refresh", {"refresh_token": self._refresh, "client": self.end_user}
            except Denied:
                self.forget()
                raise
            self.remember(grant)
            refreshed += 1

    def _optional(self) -> _Steps[Reply | None]:
        try:
            return (yield from self._require(None, None))
        except Denied:
            return None

    def _logout(self, everywhere: bool) -> _Steps[None]:
        if everywhere:
            # It takes a living access token.
            yield from self._require(None, None)
            yield "revoke", {"token": self.access_token, "scope": "user"}
        elif token := self._refresh or self.access_token:
            yield "revoke", {"token": token, "scope": "session"}
        self.forget()


class Visitor(_Visitor):
    """Who asks. Methods raise `Denied`, `RetryLater` and `Misuse`."""

    def __init__(self, client: Client, refreshes: Refreshes, *request: Any) -> None:
        super().__init__(*request)
        self._client, self._refreshes = client, refreshes

    def require(self, roles: Iterable[str] | None = None, permissions: Iterable[str] | None = None) -> Reply:
        """The claims of a visitor who is logged in, and has any of the roles and all of the permissions."""
        return self._run(self._require(roles, permissions))

    def optional(self) -> Reply | None:
        """The claims of a visitor who is logged in; None of another one."""
        return self._run(self._optional())

    def login(self, login: str, password: str, *, audience: str | None = None) -> Reply:
        """LOGIN, with the visitor's address if the app tells it. The tokens go into cookies; the answer is the client's."""
        return self.remember(self._client.login(login, password, audience=audience, client=self.end_user))

    def register(self, username: str, email: str, password: str, *, audience: str | None = None) -> Reply:
        """REGISTER, likewise."""
        return self.remember(self._client.register(username, email, password, audience=audience, client=self.end_user))

    def finish_login(self, challenge: str, code: str) -> Reply:
        """The second step of LOGIN, likewise."""
        return self.remember(self._client.finish_login(challenge, code, client=self.end_user))

    def logout(self, everywhere: bool = False) -> None:
        """Ends the session, or all of the user's, and drops the cookies."""
        self._run(self._logout(everywhere))

    def _run(self, steps: _Steps[_Result]) -> _Result:
        try:
            method, arguments = next(steps)
            while True:
                try:
                    call = self._refreshes if method == "refresh" else getattr(self._client, method)
                    result = call(**arguments)
                except UsherError as error:
                    method, arguments = steps.throw(error)
                else:
                    method, arguments = steps.send(result)
        except StopIteration as stop:
            outcome: _Result = stop.value
            return outcome


class AsyncVisitor(_Visitor):
    """Who asks. Methods raise `Denied`, `RetryLater` and `Misuse`."""

    def __init__(self, client: AsyncClient, refreshes: AsyncRefreshes, *request: Any) -> None:
        super().__init__(*request)
        self._client, self._refreshes = client, refreshes
        self._loop, self._thread = asyncio.get_running_loop(), threading.get_ident()

    async def require(self, roles: Iterable[str] | None = None, permissions: Iterable[str] | None = None) -> Reply:
        """The claims of a visitor who is logged in, and has any of the roles and all of the permissions."""
        return await self._run(self._require(roles, permissions))

    async def optional(self) -> Reply | None:
        """The claims of a visitor who is logged in; None of another one."""
        return await self._run(self._optional())

    async def login(self, login: str, password: str, *, audience: str | None = None) -> Reply:
        """LOGIN, with the visitor's address if the app tells it. The tokens go into cookies; the answer is the client's."""
        return self.remember(await self._client.login(login, password, audience=audience, client=self.end_user))

    async def register(self, username: str, email: str, password: str, *, audience: str | None = None) -> Reply:
        """REGISTER, likewise."""
        return self.remember(await self._client.register(username, email, password, audience=audience, client=self.end_user))

    async def finish_login(self, challenge: str, code: str) -> Reply:
        """The second step of LOGIN, likewise."""
        return self.remember(await self._client.finish_login(challenge, code, client=self.end_user))

    async def logout(self, everywhere: bool = False) -> None:
        """Ends the session, or all of the user's, and drops the cookies."""
        await self._run(self._logout(everywhere))

    def wait(self, coroutine: Coroutine[Any, Any, _Result]) -> _Result:
        """For views that are no coroutines, which run in threads beside the loop."""
        if threading.get_ident() == self._thread:
            coroutine.close()
            raise RuntimeError("A view that runs on the event loop must be a coroutine to ask who the visitor is.")
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    async def _run(self, steps: _Steps[_Result]) -> _Result:
        try:
            method, arguments = next(steps)
            while True:
                try:
                    call = self._refreshes if method == "refresh" else getattr(self._client, method)
                    result = await call(**arguments)
                except UsherError as error:
                    method, arguments = steps.throw(error)
                else:
                    method, arguments = steps.send(result)
        except StopIteration as stop:
            outcome: _Result = stop.value
            return outcome
