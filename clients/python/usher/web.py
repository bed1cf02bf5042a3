"""
Logins of a web app: who the visitor is, by header or cookies, with a silent refresh; and decorators for views.

`usher.wsgi` and `usher.asgi` make a visitor for each request.
"""

from __future__ import annotations

import functools
import inspect
from contextvars import ContextVar
from typing import Any, Callable

from ._refreshes import AsyncRefreshes, Refreshes
from ._visitors import AsyncVisitor, Cookies, Visitor

__all__ = [
    "AsyncRefreshes", "AsyncVisitor", "Cookies", "Refreshes", "Visitor", "authenticate", "current", "optional_auth", "require_permission",
    "require_roles", "visitor",
]

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
