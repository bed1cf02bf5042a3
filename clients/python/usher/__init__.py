"""A client of usherd. `Client` for threads, `AsyncClient` for asyncio; `usher.web` has what web apps need."""

from ._wire import USUAL_PATH, EndUser
from .aio import AsyncClient
from .client import Client
from .errors import ConnectionLost, Denied, Misuse, RetryLater, UsherError

__all__ = ["AsyncClient", "Client", "ConnectionLost", "Denied", "EndUser", "Misuse", "RetryLater", "USUAL_PATH", "UsherError"]
