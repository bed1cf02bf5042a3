"""
Logins of a web app: who the visitor is, by header or cookies, with a silent refresh; and decorators for views.

`usher.wsgi` and `usher.asgi` make a visitor for each request. What is done here is the same for both: generators ask for calls, and a
synchronous or an asynchronous visitor makes them.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import threading
from contextvars import ContextVar
from typing import Any, Callable, Generator, Iterable

from ._refreshes import AsyncRefreshes, Refreshes
from ._wire import EndUser
from .aio import AsyncClient
from .client import Client, Reply
from .errors import Denied, UsherError

_Steps = Generator[tuple[str, dict[str, Any]], Any, Any]


class Cookies:
    """How tokens lie in the browser: out of scripts' reach, for this site alone. `domain` shares them with subdomains."""

    def __init__(self, domain: str | None = None, secure: bool = True) -> None:
        self._tail = "; Path=/; HttpOnly; SameSite=Lax" + ("; Secure" if secure else "") + (f"; Domain={domain}" if domain else "")

    def read(self, header: str) -> tuple[str | None, str | None]:
        """The access and the refresh token in a Cookie header."""
        found: dict[str, str] = {}
        for pair in header.split(";"):
            name, _, value = pair.strip().partition("=")
            found.setdefault(name, value)
        return found.get("usher_access") or None, found.get("usher_refresh") or None

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
        self._cookies, self._authorization, self._end_user = cookies, authorization, end_user
        self._access, self._refresh = cookies.read(header)
        self._set: list[str] = []
        self._sent = False
        #: What the visitor's token says; None before it was asked for, and where there is none.
        self.claims: Reply | None = None

    def remember(self, grant: Reply) -> None:
        """Keeps what REGISTER or LOGIN answered in the visitor's cookies."""
        self._access, self._refresh, self._authorization = grant["access_token"], grant["refresh_token"], None
        self._set = self._cookies.keep(grant)

    def forget(self) -> None:
        """Drops the cookies. `logout` ends the session, too."""
        self._access = self._refresh = self.claims = None
        self._set = self._cookies.drop()

    def headers(self) -> list[tuple[str, str]]:
        """What the response is to have besides. From then on nothing is refreshed: the new tokens would be lost."""
        self._sent = True
        return [*(("Set-Cookie", cookie) for cookie in self._set), *([("Cache-Control", "no-store")] if self._set else [])]

    def _require(self, roles: Iterable[str] | None, permissions: Iterable[str] | None) -> _Steps:
        self.claims = None
        method, asked = "verify", dict[str, Any]()
        if roles is not None or permissions is not None:
            # An empty list is one: the daemon refuses it.
            method = "authorize"
            asked = {name: list(words) for name, words in (("roles", roles), ("permissions", permissions)) if words is not None}
        if self._authorization is not None:
            self.claims = yield method, {"authorization": self._authorization, **asked}
            return self.claims
        renewable = self._refresh is not None and not self._sent
        if self._access or not renewable:
            try:
                self.claims = yield method, {"token": self._access, **asked}
                return self.claims
            except Denied as denied:
                if denied.status != 401 or not renewable:
                    raise
        try:
            grant = yield "refresh", {"refresh_token": self._refresh, "client": self._end_user}
        except Denied:
            self.forget()
            raise
        self.remember(grant)
        self.claims = yield method, {"token": self._access, **asked}
        return self.claims

    def _optional(self) -> _Steps:
        try:
            return (yield from self._require(None, None))
        except Denied:
            return None

    def _logout(self, everywhere: bool) -> _Steps:
        if everywhere:
            # It takes a living access token.
            yield from self._require(None, None)
            yield "revoke", {"token": self._access or _bearer(self._authorization), "scope": "user"}
        else:
            token = self._refresh or self._access or _bearer(self._authorization)
            if token:
                yield "revoke", {"token": token, "scope": "session"}
        self.forget()


def _bearer(authorization: str | None) -> str | None:
    return authorization.split()[-1] if authorization and authorization.strip() else None


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

    def logout(self, everywhere: bool = False) -> None:
        """Ends the session, or all of the user's, and drops the cookies."""
        self._run(self._logout(everywhere))

    def _run(self, steps: _Steps) -> Any:
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
            return stop.value


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

    async def logout(self, everywhere: bool = False) -> None:
        """Ends the session, or all of the user's, and drops the cookies."""
        await self._run(self._logout(everywhere))

    def wait(self, coroutine: Any) -> Any:
        """For views that are no coroutines, which run in threads beside the loop."""
        if threading.get_ident() == self._thread:
            coroutine.close()
            raise RuntimeError("A view that runs on the event loop must be a coroutine to ask who the visitor is.")
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    async def _run(self, steps: _Steps) -> Any:
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
            return stop.value


#: The visitor of the request that is being answered.
current: ContextVar[Visitor | AsyncVisitor] = ContextVar("usher.visitor")


def visitor() -> Any:
    """The visitor of the request that is being answered: a `Visitor` under `usher.wsgi`, an `AsyncVisitor` under `usher.asgi`."""
    return current.get()


def _guard(view: Callable[..., Any], check: Callable[[Any], Any]) -> Callable[..., Any]:
    if inspect.iscoroutinefunction(view):

        @functools.wraps(view)
        async def guarded(*args: Any, **kwargs: Any) -> Any:
            result = check(visitor())
            if inspect.isawaitable(result):
                await result
            return await view(*args, **kwargs)

    else:

        @functools.wraps(view)
        def guarded(*args: Any, **kwargs: Any) -> Any:
            result = check(visitor())
            if inspect.isawaitable(result):
                visitor().wait(result)
            return view(*args, **kwargs)

    return guarded


def authenticate(view: Callable[..., Any]) -> Callable[..., Any]:
    """A view for visitors who are logged in. `visitor().claims` says who it is."""
    return _guard(view, lambda visitor: visitor.require())


def optional_auth(view: Callable[..., Any]) -> Callable[..., Any]:
    """A view for everybody; `visitor().claims` is None for those who are not logged in."""
    return _guard(view, lambda visitor: visitor.optional())


def require_roles(*roles: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A view for visitors who have any of the roles."""
    return lambda view: _guard(view, lambda visitor: visitor.require(roles=roles))


def require_permission(*permissions: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A view for visitors who have all of the permissions."""
    return lambda view: _guard(view, lambda visitor: visitor.require(permissions=permissions))
