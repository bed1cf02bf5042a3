"""The real usherctl, and a daemon that plays a part for it."""

import fcntl
import json
import os
import pty
import select
import signal
import socket
import struct
import subprocess
import termios
import threading
import time
from pathlib import Path

from .daemon import PATIENCE, ROOT

USHERCTL = Path(os.environ.get("USHERCTL", ROOT / ".build/release/usherctl")).absolute()
ENVIRONMENT = {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LANG": "C.UTF-8", "TZ": "UTC"}

# Exit statuses, as usherctl(8) has them.
OK, REFUSED, LOCAL, UNREACHABLE, RETRY_LATER, USAGE = 0, 1, 2, 3, 4, 64


def run(*words, socket=None, input="", timeout=PATIENCE):
    """Runs a command without a terminal. `socket` is the daemon's."""
    where = ["--socket", str(socket)] if socket else []
    return subprocess.run([USHERCTL, *map(str, words), *where], input=input, capture_output=True, text=True, timeout=timeout, env=ENVIRONMENT)


class FakeDaemon:
    """Answers each operation with what `replies` has for it: members of the reply, or what makes them of the request; None closes the connection."""

    def __init__(self, folder, replies):
        self.socket = Path(folder) / "fake"
        self.replies = replies
        self.requests = []
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self.socket))
        self._listener.listen(8)
        threading.Thread(target=self._serve, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._listener.close()

    def _serve(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection):
        with connection, connection.makefile("rwb") as stream:
            for line in stream:
                request = json.loads(line)
                number = request.pop("id")
                self.requests.append(request)
                reply = self.replies[request["op"]]
                reply = reply(request) if callable(reply) else reply
                if reply is None:
                    return
                # Of a list the first is the reply, and lines that follow it are the others.
                first, *more = reply if isinstance(reply, list) else [reply]
                lines = [{"id": number, "ok": "error" not in first, **first}, *more]
                stream.write(b"".join(json.dumps(line).encode() + b"\n" for line in lines))
                stream.flush()
                if more:
                    return


class Terminal:
    """A command on a terminal of its own."""

    def __init__(self, *words, rows=24, columns=80):
        self.output = b""
        self.pid, self.descriptor = pty.fork()
        if self.pid == 0:
            os.execve(USHERCTL, ["usherctl", *map(str, words)], {**ENVIRONMENT, "TERM": "xterm"})
        fcntl.ioctl(self.descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def settings(self):
        return termios.tcgetattr(self.descriptor)

    def read(self, timeout=PATIENCE):
        """What comes next; empty at the end."""
        if not select.select([self.descriptor], [], [], timeout)[0]:
            raise AssertionError(f"nothing more came after {self.output!r}")
        try:
            data = os.read(self.descriptor, 65_536)
        except OSError:
            return b""
        self.output += data
        return data

    def wait_for(self, text, start=0):
        deadline = time.monotonic() + PATIENCE
        while text.encode() not in self.output[start:]:
            assert self.read() and time.monotonic() < deadline, f"no {text!r} in {self.output!r}"
        return self

    def type(self, text):
        os.write(self.descriptor, text.encode())
        return self

    def resize(self, rows, columns):
        fcntl.ioctl(self.descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        os.kill(self.pid, signal.SIGWINCH)

    def wait(self):
        """Its exit status, when it has ended by itself."""
        while self.read():
            pass
        _, status = os.waitpid(self.pid, 0)
        os.close(self.descriptor)
        return os.waitstatus_to_exitcode(status)
