"""ASGI middleware: FastAPI, Starlette, Django's asynchronous side, and apps of your own."""

from __future__ import annotations

import json
from typing import Any, Awaitable, Callable

from ._wire import EndUser
from .aio import AsyncClient
from .errors import UsherError
from .web import AsyncRefreshes, AsyncVisitor, Cookies, current

_Call = Callable[..., Awaitable[Any]]


class UsherMiddleware:
    """
    Lets views ask who the visitor is (`usher.web.visitor()`, or `scope["usher.visitor"]`), and adds cookies to responses.

    Nothing is asked of the daemon until a view does. An exception of Usher's that reaches the middleware becomes a JSON response.
    """

    def __init__(
        self, app: _Call, client: AsyncClient | None = None, *, cookies: Cookies | None = None,
        end_user: Callable[[dict[str, Any]], EndUser] | None = None,
    ) -> None:
        """`end_user(scope)`: the visitor's address, for the throttle and the list of sessions, where the app may tell it."""
        self._app, self._client, self._cookies, self._end_user = app, client or AsyncClient(), cookies or Cookies(), end_user
        self._refreshes = AsyncRefreshes(self._client)

    async def __call__(self, scope: dict[str, Any], receive: _Call, send: _Call) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = {name: value.decode("latin-1") for name, value in reversed(scope["headers"]) if name != b"cookie"}
        cookie = "; ".join(value.decode("latin-1") for name, value in scope["headers"] if name == b"cookie")
        visitor = AsyncVisitor(
            self._client, self._refreshes, self._cookies, cookie, headers.get(b"authorization"),
            self._end_user(scope) if self._end_user else None)
        scope["usher.visitor"] = visitor
        started = False

        async def start(message: dict[str, Any]) -> None:
            nonlocal started
            if message["type"] in ("http.response.start", "websocket.accept"):
                started = True
                more = [(name.lower().encode(), value.encode()) for name, value in visitor.headers()]
                message = {**message, "headers": [*message.get("headers", []), *more]}
            await send(message)

        token = current.set(visitor)
        try:
            await self._app(scope, receive, start)
        except UsherError as error:
            if started:
                raise
            if scope["type"] == "websocket":
                # Before it is accepted this is a 403.
                await send({"type": "websocket.close", "code": 1008})
                return
            more = [("Content-Type", "application/json"), *error.headers().items()]
            await start({
                "type": "http.response.start", "status": error.status,
                "headers": [(name.lower().encode(), value.encode()) for name, value in more]})
            await send({"type": "http.response.body", "body": json.dumps(error.body()).encode()})
        finally:
            current.reset(token)
