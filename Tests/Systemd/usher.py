"""Usher, installed in a machine as an operator would install it."""

import signal
import subprocess
import tempfile
from pathlib import Path

from System.connection import Connection
from System.daemon import USHERD
from System.usherctl import USHERCTL

from .machine import REPOSITORY, Machine

SOCKET = "/run/usher/usher.sock"
BINARY = "/usr/sbin/usherd"
SETTINGS = "/etc/usher/usher.toml"

# Hashing that costs next to nothing, for tests that are about something else.
CHEAP = '[password]\nscheme = "bcrypt"\ncost = 4\n'


def install(folder):
    """Lays what is installed out in `folder`."""
    command = ["make", "--no-print-directory", "install", f"DESTDIR={folder}", "PREFIX=/usr", f"USHERD={USHERD}", f"USHERCTL={USHERCTL}"]
    subprocess.run(command, cwd=REPOSITORY, stdout=subprocess.DEVNULL, check=True)


class UsherMachine(Machine):
    """A machine with Usher on it, its sockets enabled. `usher.service` has not been started."""

    def start(self):
        with tempfile.TemporaryDirectory(prefix="usher-tests-") as folder:
            install(Path(folder))
            self._files = folder
            super().start()
        self.run("systemd-sysusers", "usher.conf")
        self.run("journalctl", "--update-catalog")
        self.systemctl("enable", "--now", "usher.socket")
        return self

    def gid(self):
        """Of the group that may ask."""
        return int(self.run("getent", "group", "usher").stdout.split(":")[2])

    def connect(self, socket=SOCKET):
        """A connection from outside: the daemon sees root, and no process id."""
        return Connection(self.path(socket))

    def ask(self, request):
        with self.connect() as connection:
            return connection.ask(request)

    def settings(self, text):
        """Writes the settings; a restart takes them."""
        self.write(SETTINGS, text)

    def restart(self):
        self.systemctl("restart", "usher.service")

    def main_pid(self, unit="usher.service"):
        """The daemon's process id in there; 0 while there is none."""
        return int(self.show(unit, "MainPID"))

    def kill(self, number=signal.SIGKILL, unit="usher.service"):
        self.run("kill", f"-{int(number)}", str(self.main_pid(unit)))
