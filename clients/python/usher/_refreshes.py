"""One REFRESH at a time for one session."""

from __future__ import annotations

import asyncio
import functools
import os
import threading
import time
from concurrent.futures import Future

from ._wire import EndUser, Reply
from .aio import AsyncClient
from .client import Client
from .errors import ConnectionLost

# Longer than requests of one page take to arrive, and shorter than the daemon's own grace window (30 s).
_REMEMBERED = 10.0


def _is_urgent(lost: ConnectionLost) -> bool:
    """It may have taken place, and the old token is good for some seconds only: that cannot wait for the visitor's next request."""
    return lost.code == "ended" and lost.outcome_unknown


class Refreshes:
    """One REFRESH at a time of one token: who comes meanwhile or soon after gets what the first one got."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._lock = threading.Lock()
        self._flights: dict[str, tuple[float, Future[Reply]]] = {}
        self._pid = os.getpid()

    def __call__(self, refresh_token: str, client: EndUser | None) -> Reply:
        if self._pid != os.getpid():
            # What a thread of the parent process is doing never ends here.
            self._lock, self._flights = threading.Lock(), {}
            self._pid = os.getpid()
        now = time.monotonic()
        with self._lock:
            self._flights = {token: flight for token, flight in self._flights.items() if flight[0] > now}
            known = self._flights.get(refresh_token)
            if known is None:
                flight: Future[Reply] = Future()
                # Until it has landed it is remembered for as long as it may take.
                self._flights[refresh_token] = (now + 3600, flight)
        if known is not None:
            return known[1].result()
        try:
            grant = self._refresh(refresh_token, client)
        except BaseException as error:
            with self._lock:
                self._flights.pop(refresh_token, None)
            # What interrupted this thread is not for the others.
            flight.set_exception(error if isinstance(error, Exception) else ConnectionLost("ended"))
            raise
        with self._lock:
            self._flights[refresh_token] = (time.monotonic() + _REMEMBERED, flight)
        flight.set_result(grant)
        return grant

    def _refresh(self, refresh_token: str, client: EndUser | None) -> Reply:
        try:
            return self._client.refresh(refresh_token, client=client)
        except ConnectionLost as lost:
            if not _is_urgent(lost):
                raise
        return self._client.refresh(refresh_token, client=client)


class AsyncRefreshes:
    """As `Refreshes`, for tasks of one loop."""

    def __init__(self, client: AsyncClient) -> None:
        self._client = client
        self._flights: dict[str, asyncio.Task[Reply]] = {}

    async def __call__(self, refresh_token: str, client: EndUser | None) -> Reply:
        flight = self._flights.get(refresh_token)
        if flight is None or flight.get_loop() is not asyncio.get_running_loop():
            # A task of its own: whoever asked first may be cancelled, and others wait for it.
            flight = asyncio.ensure_future(self._refresh(refresh_token, client))
            self._flights[refresh_token] = flight
            flight.add_done_callback(functools.partial(self._landed, refresh_token))
        return await asyncio.shield(flight)

    async def _refresh(self, refresh_token: str, client: EndUser | None) -> Reply:
        try:
            return await self._client.refresh(refresh_token, client=client)
        except ConnectionLost as lost:
            if not _is_urgent(lost):
                raise
        return await self._client.refresh(refresh_token, client=client)

    def _landed(self, token: str, flight: asyncio.Task[Reply]) -> None:
        if flight.cancelled() or flight.exception():
            self._forget(token, flight)
        else:
            flight.get_loop().call_later(_REMEMBERED, self._forget, token, flight)

    def _forget(self, token: str, flight: asyncio.Task[Reply]) -> None:
        if self._flights.get(token) is flight:
            del self._flights[token]
