"""A connection that tasks share."""

from __future__ import annotations

import asyncio
import os
import socket

from . import _wire
from ._wire import Reply
from .errors import ConnectionLost


class Request:
    def __init__(self, line: bytes, loop: asyncio.AbstractEventLoop) -> None:
        """`line`: all that comes after the id."""
        self.line = line
        self.reply: asyncio.Future[Reply] = loop.create_future()
        self.sent = False

    def settle(self, outcome: Reply | Exception) -> None:
        if self.reply.done():
            return
        if isinstance(outcome, Exception):
            self.reply.set_exception(outcome)
        else:
            self.reply.set_result(outcome)


class Connection:
    """Requests of any number of tasks, told apart by their ids."""

    def __init__(self, connected: socket.socket, loop: asyncio.AbstractEventLoop) -> None:
        self.socket, self._loop = connected, loop
        self._last_id = _wire.first_id()
        self._waiting: dict[int, Request] = {}
        # Ids of requests that nobody waits for any more.
        self._given_up: set[int] = set()
        self._retired = False
        self._pid = os.getpid()
        self._writing = asyncio.Lock()
        self._ended = False
        self._reader = loop.create_task(self._read())

    def takes_requests(self) -> bool:
        if self._ended or self._retired:
            return False
        try:
            return bool(self.socket.recv(1, socket.MSG_PEEK)) and bool(self._waiting)
        except BlockingIOError:
            return True
        except OSError:
            return False

    async def exchange(self, request: Request) -> Reply:
        self._last_id += 1
        number = self._last_id
        async with self._writing:
            # Another request may have been given up while this one waited for its turn.
            if self._ended or self._retired:
                raise ConnectionLost("ended", sent=False)
            self._waiting[number] = request
            try:
                await self._loop.sock_sendall(self.socket, b'{"id":%d' % number + request.line)
                request.sent = True
            except OSError:
                # Whoever was turned away at the door cannot write; the reader finds the reason.
                pass
            except asyncio.CancelledError:
                self._give_up(number)
                raise
        try:
            return await request.reply
        except asyncio.CancelledError:
            self._give_up(number)
            raise

    def retire(self) -> None:
        """Takes no more requests, and closes when those there are have their replies."""
        self._retired = True
        if not self._waiting:
            self.close()

    def close(self) -> None:
        if not self._ended:
            self._ended = True
            self._reader.cancel()

    async def closed(self) -> None:
        await asyncio.wait([self._reader])

    def _give_up(self, number: int) -> None:
        if self._waiting.pop(number, None):
            self._given_up.add(number)
        self.retire()

    async def _read(self) -> None:
        garbled = False
        try:
            data = bytearray()
            while piece := await self._loop.sock_recv(self.socket, 1 << 16):
                data += piece
                if b"\n" in piece:
                    *lines, rest = data.split(b"\n")
                    data = bytearray(rest)
                    for line in lines:
                        self._deliver(_wire.decode(line))
                elif len(data) > _wire.MAX_REPLY:
                    raise ConnectionLost("garbled")
        except OSError:
            pass
        except ConnectionLost:
            garbled = True
        finally:
            self._ended = True
            for request in self._waiting.values():
                request.settle(ConnectionLost("garbled") if garbled else ConnectionLost("ended", request.sent))
            self._waiting.clear()
            # Ends a write that is under way, which must not find another file in this one's place. (After a fork the connection is the parent's.)
            try:
                if self._pid == os.getpid():
                    self.socket.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            async with self._writing:
                self.socket.close()

    def _deliver(self, reply: Reply) -> None:
        number = reply.get("id")
        if isinstance(number, int) and number in self._waiting:
            self._waiting.pop(number).settle(reply)
        elif isinstance(number, int) and number in self._given_up:
            self._given_up.discard(number)
        elif self._waiting and _wire.is_turned_away(reply):
            self._turned_away(reply)
        else:
            raise ConnectionLost("garbled")
        if self._retired and not self._waiting:
            self.close()

    def _turned_away(self, reply: Reply) -> None:
        """Of several requests a line that is too long is the longest one; what else is said of a line without an id may be said of any."""
        if reply.get("error") in ("busy", "forbidden_op"):
            meant = list(self._waiting)
        elif reply.get("error") == "line_too_long" or len(self._waiting) == 1:
            meant = [max(self._waiting, key=lambda number: len(self._waiting[number].line))]
        else:
            meant = []
        for number in meant:
            self._waiting.pop(number).settle(reply)
        # (Those that are left are told that it has ended.)
        self.close()
