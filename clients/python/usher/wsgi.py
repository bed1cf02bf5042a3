"""WSGI middleware: Flask, Django, Bottle, Pyramid, and apps of your own."""

from __future__ import annotations

import json
import sys
from typing import Any, Callable, Iterable

from ._wire import EndUser
from .client import Client
from .errors import UsherError
from .web import Cookies, Refreshes, Visitor, current


class UsherMiddleware:
    """
    Lets views ask who the visitor is (`usher.web.visitor()`, or `environ["usher.visitor"]`), and adds cookies to responses.

    Nothing is asked of the daemon until a view does; a body that streams has no `visitor()`, and the one in `environ` refreshes nothing then. An
    exception of Usher's that reaches the middleware becomes a JSON response.
    """

    def __init__(
        self, app: Callable[..., Iterable[bytes]], client: Client | None = None, *, cookies: Cookies | None = None,
        end_user: Callable[[dict[str, Any]], EndUser] | None = None,
    ) -> None:
        """`end_user(environ)`: the visitor's address, for the throttle and the list of sessions, where the app may tell it."""
        self._app, self._client, self._cookies, self._end_user = app, client or Client(), cookies or Cookies(), end_user
        self._refreshes = Refreshes(self._client)

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        visitor = Visitor(
            self._client, self._refreshes, self._cookies, environ.get("HTTP_COOKIE", ""), environ.get("HTTP_AUTHORIZATION"),
            self._end_user(environ) if self._end_user else None)
        environ["usher.visitor"] = visitor

        def start(status: str, headers: list[tuple[str, str]], *exc_info: Any) -> Any:
            return start_response(status, [*headers, *visitor.headers()], *exc_info)

        token = current.set(visitor)
        try:
            return self._app(environ, start)
        except UsherError as error:
            headers = [("Content-Type", "application/json"), *error.headers().items()]
            # (The app may have begun a response, which this takes the place of if it can.)
            start(f"{error.status} {error.code}", headers, sys.exc_info())
            return [json.dumps(error.body()).encode()]
        finally:
            current.reset(token)
