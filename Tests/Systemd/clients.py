"""Clients that never stop asking, and reconnect when they are told to: what they are promised, they check."""

import socket
import threading

from System.connection import Connection, encode, parse_reply

from .machine import PATIENCE


class Asking(threading.Thread):
    """
    One client that asks `next_request()` again and again, one request at a time, and hands each reply to `take`.

    It does what protocol.md says of a daemon that stops: a request that could not be written is asked again on a new connection; one that was
    written must be answered. `failure` is what broke the promise.
    """

    def __init__(self, path, next_request, take=lambda reply: None):
        super().__init__(daemon=True)
        self.path = path
        self.next_request = next_request
        self.take = take
        self.answered = 0
        self.connections = 0
        self.failure = None
        self._stopping = threading.Event()
        self.start()

    def run(self):
        try:
            while not self._stopping.is_set():
                with Connection(self.path, timeout=PATIENCE) as connection:
                    self.connections += 1
                    self.use(connection)
        except Exception as error:
            self.failure = error

    def use(self, connection):
        """Asks until the connection ends."""
        while not self._stopping.is_set():
            try:
                connection.send(self.next_request())
            except BrokenPipeError:
                assert connection.read_line() is None, "a reply to what was never written"
                return
            line = connection.read_line()
            assert line is not None, "written, and not answered"
            self.take(parse_reply(line))
            self.answered += 1

    def ask_to_stop(self):
        self._stopping.set()

    def stop(self):
        """Waits until its last request is answered; raises what broke the promise."""
        self.ask_to_stop()
        self.join(PATIENCE)
        assert not self.is_alive(), "a client waits for ever"
        if self.failure:
            raise self.failure


class Pipelining(Asking):
    """Writes requests as fast as they are taken, and reads meanwhile: as many lines as went out whole must be answered, and no more."""

    # Not a multiple of a request's length: the end comes in the middle of a line.
    PIECE = 5_000

    def use(self, connection):
        line = encode(self.next_request()) + b"\n"
        data = line * (64 * self.PIECE // len(line) + 1)
        self._written = 0
        writer = threading.Thread(target=self._write, args=(connection.socket, data, len(line)), daemon=True)
        writer.start()
        replies = 0
        while (reply := connection.read_line()) is not None:
            self.take(parse_reply(reply))
            replies += 1
            self.answered += 1
        writer.join(PATIENCE)
        whole = self._written // len(line)
        assert replies == whole, f"{whole} requests written, {replies} answered"

    def _write(self, endpoint, data, length):
        while True:
            offset = self._written % len(data)
            piece = data[offset : offset + self.PIECE]
            if self._stopping.is_set():
                # The line that was begun is ended.
                piece = data[offset : offset + -offset % length]
                if not piece:
                    endpoint.shutdown(socket.SHUT_WR)
                    return
            try:
                self._written += endpoint.send(piece)
            except OSError:
                # However it ended: what had been written by then is counted.
                return
