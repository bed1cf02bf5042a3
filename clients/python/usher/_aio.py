"""A connection that tasks share."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

from . import _wire
from ._wire import Ended
from .errors import ConnectionLost

Reply = dict[str, Any]


class Request:
    def __init__(self, op: str, members: Reply, loop: asyncio.AbstractEventLoop) -> None:
        self.op, self.members = op, members
        self.reply: asyncio.Future[Reply] = loop.create_future()
        self.sent = False


class Connection:
    """Requests of any number of tasks, told apart by their ids."""

    def __init__(self, connected: socket.socket, loop: asyncio.AbstractEventLoop) -> None:
        self.socket, self._loop = connected, loop
        self._last_id = _wire.first_id()
        self._waiting: dict[int, Request] = {}
        # Ids of requests that nobody waits for any more.
        self._given_up: set[int] = set()
        self._retired = False
        self._writing = asyncio.Lock()
        self._ended = False
        self._reader = loop.create_task(self._read())

    def takes_requests(self) -> bool:
        if self._ended or self._retired:
            return False
        waits = _wire.peek(self.socket)
        return waits is None or (waits != b"" and bool(self._waiting))

    async def exchange(self, request: Request) -> Reply:
        self._last_id += 1
        number = self._last_id
        line = _wire.encode(request.op, request.members, number)
        async with self._writing:
            # Another request may have been given up while this one waited for its turn.
            if self._ended or self._retired:
                raise Ended(sent=False)
            self._waiting[number] = request
            try:
                await self._loop.sock_sendall(self.socket, line)
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
                    raise _wire.garbled()
        except OSError:
            pass
        except ConnectionLost:
            garbled = True
        finally:
            self._ended = True
            for request in self._waiting.values():
                if not request.reply.done():
                    request.reply.set_exception(_wire.garbled() if garbled else Ended(request.sent))
            self._waiting.clear()
            # Ends a write that is under way, which must not find another file in this one's place.
            try:
                self.socket.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            async with self._writing:
                self.socket.close()

    def _deliver(self, reply: Reply) -> None:
        number = reply.get("id")
        if isinstance(number, int) and number in self._waiting:
            request = self._waiting.pop(number)
            if not request.reply.done():
                request.reply.set_result(reply)
        elif _wire.is_turned_away(reply) and (len(self._waiting) == 1 or reply.get("error") in ("busy", "forbidden_op")):
            for request in self._waiting.values():
                if not request.reply.done():
                    request.reply.set_result(reply)
            self._waiting.clear()
            self.close()
        elif number in self._given_up:
            self._given_up.discard(number)
        else:
            raise _wire.garbled()
        if self._retired and not self._waiting:
            self.close()
