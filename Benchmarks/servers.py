"""Servers that end with the benchmark, and a client to talk to them."""

import ctypes
import json
import os
import signal
import socket
import subprocess
import time

PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)


class Failure(Exception):
    """Why nothing could be measured, in words for whoever ran the benchmark."""


class Missing(Failure):
    """Something to compare with is not installed."""


class WrongReply(Failure):
    """A server answered, but not what it should have."""


def tied_to(processors):
    """What a child does before it execs: it moves to `processors` and asks to be killed when this process dies."""

    def prepare():
        os.sched_setaffinity(0, processors)
        _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)

    return prepare


class Server:
    """A process that listens on a Unix socket: running, and accepting, inside `with`; ended by its PID after it."""

    # Seconds to begin, to answer, to end.
    patience = 10

    def __init__(self, name, command, socket_path, processors, log, environment):
        self.name, self.command, self.socket_path = name, command, socket_path
        self.processors, self.log, self.environment = processors, log, environment

    def __enter__(self):
        with open(self.log, "wb") as log:
            try:
                self.process = subprocess.Popen(
                    self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self.environment,
                    preexec_fn=tied_to(self.processors))
            except OSError as error:
                raise Failure(f"{self.name} can't be started: {error}") from error
        try:
            self._await_socket()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, *_):
        self._end()

    @property
    def pid(self):
        return self.process.pid

    def client(self, socket_path=None):
        return Client(self, socket_path or self.socket_path)

    def last_words(self):
        """The end of what the server wrote."""
        with open(self.log, errors="replace") as log:
            return "".join(log.readlines()[-10:]).strip() or "(it wrote nothing)"

    def check(self):
        """Throws if the server has ended."""
        status = self.process.poll()
        if status is not None:
            raise Failure(f"{self.name} ended with status {status}:\n{self.last_words()}")

    def _await_socket(self):
        until = time.monotonic() + self.patience
        while True:
            self.check()
            with socket.socket(socket.AF_UNIX) as attempt:
                try:
                    return attempt.connect(self.socket_path)
                except (FileNotFoundError, ConnectionRefusedError):
                    pass
            if time.monotonic() > until:
                raise Failure(f"{self.name} does not listen on {self.socket_path}:\n{self.last_words()}")
            time.sleep(0.001)

    def _end(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(self.patience + 5)
            except subprocess.TimeoutExpired:
                print(f"{self.name} did not end on SIGTERM and was killed", flush=True)
                self.process.kill()
                self.process.wait()


class Client:
    """One connection, one request at a time."""

    def __init__(self, server, socket_path):
        self.server = server
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(server.patience)
        self.socket.connect(socket_path)
        self.replies = self.socket.makefile("rb")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.replies.close()
        self.socket.close()

    def line(self, request):
        """The reply to a line, both without LF."""
        try:
            self.socket.sendall(request + b"\n")
            reply = self.replies.readline()
        except OSError as error:
            self.server.check()
            raise Failure(f"{self.server.name} does not answer: {error}") from error
        if not reply.endswith(b"\n"):
            self.server.check()
            raise Failure(f"{self.server.name} closed the connection:\n{self.server.last_words()}")
        return reply[:-1]

    def ask(self, op, **members):
        """The reply as a dictionary; throws unless it is a success."""
        reply = self.line(json.dumps({"op": op, **members}).encode())
        try:
            answer = json.loads(reply)
        except ValueError as error:
            raise WrongReply(f"{op} was answered with no JSON: {reply[:300]!r}") from error
        if answer.get("ok") is not True:
            raise WrongReply(f"{op} was refused: {reply[:300].decode(errors='replace')}")
        return answer
