"""Connections for one request at a time, and those of a process."""

from __future__ import annotations

import os
import select
import socket
import time
from collections import deque

from . import _wire
from ._wire import Reply
from .errors import ConnectionLost


class Connection:
    """No call of the socket's waits: `poll` does, which takes fewer system calls than a socket with a time-out."""

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.setblocking(False)
        self._events = select.poll()
        self._events.register(self.socket, select.POLLIN)
        self._last_id, self._connected = _wire.first_id(), False

    def connect(self, path: str, deadline: float) -> None:
        while not self._connected:
            if time.monotonic() > deadline:
                raise ConnectionLost("timed_out", sent=False)
            try:
                self.socket.connect(path)
                self._connected = True
            except BlockingIOError:
                # So many wait to be taken up that there is no room for one more.
                time.sleep(0.01)
            except OSError as error:
                raise _wire.unreachable(error) from None

    def is_quiet(self) -> bool:
        """Whether there is nothing to read (for which it has last waited), not even the end."""
        return not self._events.poll(0)

    def exchange(self, request: bytes, deadline: float) -> tuple[Reply, bool]:
        """The reply, and whether the connection may be kept."""
        self._last_id += 1
        sent = self._send(b'{"id":%d' % self._last_id + request, deadline)
        reply = _wire.decode(self._line(deadline, sent))
        if sent and reply.get("id") == self._last_id:
            return reply, True
        if _wire.is_turned_away(reply):
            return reply, False
        raise ConnectionLost("garbled")

    def _send(self, line: bytes, deadline: float) -> bool:
        """Whether all of it could be written. Whoever was turned away at the door cannot write, and finds the reason to read."""
        while line:
            try:
                line = line[self.socket.send(line) :]
            except BlockingIOError:
                self._wait(select.POLLOUT, deadline, sent=False)
            except OSError:
                return False
        return True

    def _line(self, deadline: float, sent: bool) -> bytearray:
        data = bytearray()
        while not data.endswith(b"\n"):
            self._wait(select.POLLIN, deadline, sent)
            try:
                piece = self.socket.recv(1 << 16)
            except OSError:
                piece = b""
            if not piece:
                raise ConnectionLost("ended", sent)
            data += piece
            if b"\n" in piece[:-1] or len(data) > _wire.MAX_REPLY:
                raise ConnectionLost("garbled")
        return data

    def _wait(self, event: int, deadline: float, sent: bool) -> None:
        self._events.modify(self.socket, event)
        left = deadline - time.monotonic()
        if left <= 0 or not self._events.poll(left * 1000):
            raise ConnectionLost("timed_out", sent)


class Connections:
    """Those of one process: one that was forked closes its copies."""

    def __init__(self) -> None:
        self.pid = os.getpid()
        self._idle: deque[Connection] = deque()
        self._busy: set[Connection] = set()

    def take(self) -> Connection:
        """One on which all is quiet, or a new one. Meanwhile it is nobody else's."""
        try:
            while not (connection := self._idle.pop()).is_quiet():
                connection.socket.close()
        except IndexError:
            connection = Connection()
        self._busy.add(connection)
        return connection

    def give_back(self, connection: Connection, answered: bool) -> None:
        self._busy.discard(connection)
        if answered:
            self._idle.append(connection)
        else:
            connection.socket.close()

    def close_idle(self) -> None:
        while self._idle:
            self._idle.pop().socket.close()

    def close_copies(self) -> None:
        """After a fork. The threads that are using some are the parent's."""
        for connection in [*self._idle, *self._busy]:
            connection.socket.close()
