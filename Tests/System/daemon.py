"""The real binary, started for a test and ended by its process id."""

import ctypes
import json
import os
import resource
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

from .connection import Connection

ROOT = Path(__file__).resolve().parents[2]
USHERD = Path(os.environ.get("USHERD", ROOT / ".build/release/usherd")).absolute()

# Known to the tests, so that they can make tokens of their own. Long enough for HS512.
JWT_SECRET = "tests-access-secret-0123456789-abcdefghijklmnopqrstuvwxyz-ABCDEFGHIJKLMNOP"
REFRESH_SECRET = "tests-refresh-secret-9876543210-zyxwvutsrqponmlkjihgfedcba-PONMLKJIHGFEDC"

# Hashing that costs next to nothing, for tests that are about something else.
CHEAP = {"password": {"scheme": "bcrypt", "cost": 4}}

# Long enough for any machine; only a daemon that hangs ever takes this long.
PATIENCE = 60.0

PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)


class Refused(AssertionError):
    """The daemon ended instead of answering."""


class Lines:
    """What a process writes to one of its streams, line by line, with a way to wait for a line."""

    def __init__(self, stream):
        self._lines = []
        self._changed = threading.Condition()
        self._ended = False
        self._thread = threading.Thread(target=self._read, args=(stream,), daemon=True)
        self._thread.start()

    def _read(self, stream):
        with stream:
            for line in stream:
                with self._changed:
                    self._lines.append(line)
                    self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def __len__(self):
        with self._changed:
            return len(self._lines)

    def raw(self):
        with self._changed:
            return b"".join(self._lines)

    def text(self):
        return self.raw().decode(errors="backslashreplace")

    def since(self, start):
        with self._changed:
            return [line.decode(errors="backslashreplace").rstrip("\n") for line in self._lines[start:]]

    def wait_for(self, wanted, start=0, timeout=PATIENCE):
        """The first line at or after `start` for which `wanted(line)` holds, and its number."""
        deadline = time.monotonic() + timeout
        seen = start
        with self._changed:
            while True:
                while seen < len(self._lines):
                    line = self._lines[seen].decode(errors="backslashreplace").rstrip("\n")
                    if wanted(line):
                        return line, seen
                    seen += 1
                left = deadline - time.monotonic()
                if self._ended or left <= 0:
                    raise AssertionError(f"no such line; these came: {self._lines[start:]}")
                self._changed.wait(left)

    def end(self):
        self._thread.join(PATIENCE)


def toml(tables):
    """A dict of settings, or of tables of settings, as TOML."""

    def value(v):
        if isinstance(v, bool):
            return "true" if v else "false"
        if isinstance(v, (int, float)):
            return str(v)
        if isinstance(v, (list, tuple)):
            return "[" + ", ".join(value(e) for e in v) + "]"
        return json.dumps(str(v))

    plain = [f"{k} = {value(v)}" for k, v in tables.items() if not isinstance(v, dict)]
    for name, table in tables.items():
        if isinstance(table, dict):
            plain += [f"[{name}]"] + [f"{k} = {value(v)}" for k, v in table.items()]
    return "\n".join(plain) + "\n"


def merged(*configs):
    """Settings on top of settings; the last one wins."""
    result = {}
    for config in configs:
        for name, table in config.items():
            if isinstance(table, dict):
                result[name] = {**result.get(name, {}), **table}
            else:
                result[name] = table
    return result


class Daemon:
    """
    One usherd with a socket and a state folder of its own.

    `config` is a dict, or text that is written as it is. `env` is added to an environment that holds little else. Without
    `secrets` none are given: the daemon makes its own. With `admin` it has an admin socket, too. `wrapper` is a command that executes the rest of its arguments.
    """

    def __init__(
        self, folder, config=CHEAP, args=(), env=None, secrets=True, listen=True, admin=False, state=None, wrapper=(), nofile=None, binary=None
    ):
        self.folder = Path(folder)
        self.folder.mkdir(mode=0o755, exist_ok=True)
        self.socket = self.folder / "s"
        assert len(str(self.socket)) < 100
        self.state = Path(state) if state else self.folder / "state"
        if state is None:
            self.state.mkdir(mode=0o700, exist_ok=True)
        self.config = config
        self.args = list(args)
        self.env = dict(env or {})
        self.secrets = secrets
        self.listen = listen
        self.admin = self.folder / "a" if admin else None
        self.wrapper = list(wrapper)
        self.nofile = nofile
        self.binary = Path(binary) if binary else USHERD
        self.process = None
        self.stdout = self.stderr = None
        self._connections = []

    # Starting and ending

    def command(self):
        command = [*self.wrapper, str(self.binary)]
        if self.config is not None:
            file = self.folder / "usher.toml"
            file.write_text(self.config if isinstance(self.config, str) else toml(self.config))
            command += ["--config", str(file)]
        if self.listen:
            command += ["--listen", str(self.socket)]
        if self.admin:
            command += ["--admin-listen", str(self.admin)]
        return command + ["--state", str(self.state), *self.args]

    def environment(self):
        environment = {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LANG": "C.UTF-8"}
        if self.secrets:
            environment |= {"JWT_SECRET": JWT_SECRET, "REFRESH_TOKEN_SECRET": REFRESH_SECRET}
        return environment | {k: v for k, v in self.env.items() if v is not None}

    def launch(self):
        """Starts the process and does not wait for it."""
        assert self.process is None or self.process.poll() is not None, "it runs already"

        def prepare():
            # A test run that is killed leaves no daemons behind.
            _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            if self.nofile:
                resource.setrlimit(resource.RLIMIT_NOFILE, (self.nofile, self.nofile))

        self.process = subprocess.Popen(
            self.command(), env=self.environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            preexec_fn=prepare, cwd=self.folder,
        )
        self.stdout, self.stderr = Lines(self.process.stdout), Lines(self.process.stderr)
        return self

    def start(self):
        """Starts it and waits until it answers."""
        self.launch()
        self.wait_ready()
        return self

    def wait_ready(self):
        deadline = time.monotonic() + PATIENCE
        while True:
            if self.process.poll() is not None:
                self.stderr.end()
                raise Refused(f"usherd ended with {self.process.returncode}: {self.stderr.text()}")
            try:
                with Connection(self.socket, timeout=PATIENCE) as connection:
                    if connection.ask({"op": "PING"})["ok"]:
                        return
            except (FileNotFoundError, ConnectionRefusedError):
                pass
            assert time.monotonic() < deadline, f"usherd does not answer: {self.stderr.text()}"
            # Nothing tells when the socket file appears that would not be a part of what is tested.
            time.sleep(0.005)

    def refused(self):
        """Starts it, expects that it ends by itself with a failure, and returns its exit status and its stderr."""
        self.launch()
        try:
            status = self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.kill9()
            raise AssertionError("usherd started, though it should have refused") from None
        self.stderr.end()
        self.stdout.end()
        assert status > 0, f"ended with {status}: {self.stderr.text()}"
        return status, self.stderr.text()

    def is_alive(self):
        return self.process is not None and self.process.poll() is None

    def terminate(self):
        self.process.send_signal(signal.SIGTERM)

    def wait(self, timeout=PATIENCE):
        """Waits until it ends; its exit status."""
        status = self.process.wait(timeout)
        self.stderr.end()
        self.stdout.end()
        return status

    def stop(self):
        """Asks it to end, as systemd would; its exit status."""
        for connection in self._connections:
            connection.close()
        self._connections.clear()
        if self.is_alive():
            self.terminate()
            try:
                return self.wait()
            except subprocess.TimeoutExpired:
                self.kill9()
                raise AssertionError("SIGTERM did not end it") from None
        return None if self.process is None else self.process.returncode

    def kill9(self):
        if self.is_alive():
            self.process.kill()
        self.wait()

    def restart(self):
        """Stops it in good order and starts it on the same state."""
        status = self.stop()
        assert status == 0, f"it ended with {status}: {self.stderr.text()}"
        return self.start()

    def crash_and_restart(self):
        self.kill9()
        return self.start()

    # Talking to it

    @property
    def pid(self):
        return self.process.pid

    def connect(self, timeout=PATIENCE, admin=False):
        connection = Connection(self.admin if admin else self.socket, timeout=timeout)
        self._connections.append(connection)
        return connection

    # Looking at it

    def _status(self, key):
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith(key + ":"):
                return line.split(":", 1)[1].strip()
        raise KeyError(key)

    def rss_kib(self):
        return int(self._status("VmRSS").split()[0])

    def open_files(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def cpu_seconds(self):
        fields = Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def database(self):
        """The SQLite file in the state folder."""
        for file in sorted(self.state.rglob("*")):
            if file.is_file() and file.open("rb").read(16) == b"SQLite format 3\0":
                return file
        raise AssertionError(f"no database in {self.state}: {list(self.state.iterdir())}")


def eventually(condition, what, timeout=PATIENCE):
    """Waits for something that nobody announces."""
    deadline = time.monotonic() + timeout
    while True:
        result = condition()
        if result:
            return result
        assert time.monotonic() < deadline, f"did not come: {what}"
        time.sleep(0.02)


def is_listening(path):
    """Whether somebody accepts connections at `path`."""
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            return False
        return True
