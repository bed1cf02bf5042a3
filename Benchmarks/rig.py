"""What every measurement stands on: a temporary folder, the built tools, the processors, the secrets of this run."""

import json
import os
import secrets
import shutil
import subprocess
import tempfile

import machine
from servers import Failure, Missing, Server, WrongReply, tied_to

SOURCES = os.path.dirname(os.path.abspath(__file__))
TOOLS = {
    "echo": ["echo.c"],
    "load": ["load.c", "options.c", "connection.c", "requests.c", "latency.c"],
    "start": ["start.c"],
    "bare": ["bare.c", "requests.c", "-lcrypto"],
}
FLAGS = ["-O2", "-Wall", "-Wextra", "-Werror"]
IDLE_CONNECTIONS = 10_000
# Cheap hashes, for measurements that need accounts but not their passwords; tokens that outlive the longest run.
SETTINGS = f"""\
[password]
scheme = "bcrypt"
cost = 4

[token]
access_expiry = "24h"

[socket]
max_connections = {IDLE_CONNECTIONS + 100}
max_connections_per_uid = {IDLE_CONNECTIONS + 100}
"""


class Rig:
    """Use it in `with`: afterwards the folder is gone."""

    def __init__(self, usherd, folder, rounds, seconds, python="/usr/bin/python3"):
        self.usherd, self.parent, self.rounds, self.seconds, self.python = usherd, folder, rounds, seconds, python
        self.server_cpu, self.load_cpu = machine.processors()
        self.secret = secrets.token_hex(32)
        self.environment = {
            "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
            "JWT_SECRET": self.secret,
            "REFRESH_TOKEN_SECRET": secrets.token_hex(32),
        }
        self.server_name = os.path.basename(usherd)

    def __enter__(self):
        self.folder = tempfile.mkdtemp(prefix="usher-bench-", dir=self.parent)
        try:
            for tool, sources in TOOLS.items():
                self._build(tool, sources)
            with open(self.path("settings.toml"), "w") as file:
                file.write(SETTINGS)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.folder, ignore_errors=True)

    def path(self, name):
        return os.path.join(self.folder, name)

    def _build(self, tool, sources):
        files = [os.path.join(SOURCES, source) if source.endswith(".c") else source for source in sources]
        command = ["cc", *FLAGS, "-o", self.path(tool), *files]
        try:
            done = subprocess.run(command, capture_output=True, text=True)
        except FileNotFoundError as error:
            raise Failure("there is no cc: install gcc") from error
        if done.returncode != 0:
            raise Failure(f"{tool} does not compile:\n{done.stderr}")

    def write(self, name, lines):
        path = self.path(name)
        with open(path, "wb") as file:
            file.writelines(line + b"\n" for line in lines)
        return path

    # MARK: Servers

    def echo(self):
        socket = self.path("echo.sock")
        if os.path.exists(socket):
            os.unlink(socket)
        return Server("echo", self.echo_command(), socket, {self.server_cpu}, self.path("echo.log"), self.environment)

    def echo_command(self):
        return [self.path("echo"), self.path("echo.sock")]

    def redis(self):
        """A Redis that writes nothing to disk; None where there is none."""
        program = shutil.which("redis-server")
        if program is None:
            return None
        socket = self.path("redis.sock")
        command = [program, "--port", "0", "--unixsocket", socket, "--dir", self.folder, "--save", "", "--appendonly", "no"]
        return Server("redis", command, socket, {self.server_cpu}, self.path("redis.log"), os.environ)

    def daemon(self, state, processors=None, settings=True):
        """One for each state folder may run at a time."""
        return Server(
            self.server_name, self.daemon_command(state, settings), self.path(f"{state}.sock"), processors or {self.server_cpu},
            self.path(f"{state}.log"), self.environment)

    def daemon_command(self, state, settings=True):
        folder = self.path(state)
        os.makedirs(folder, mode=0o700, exist_ok=True)
        command = [self.usherd, "--listen", self.path(f"{state}.sock"), "--admin-listen", self.admin_socket(state)]
        return command + ["--state", folder] + (["--config", self.path("settings.toml")] if settings else [])

    def admin_socket(self, state):
        return self.path(f"{state}-admin.sock")

    # MARK: Tools

    def begin_load(self, server, *options, cpu=None, seconds=None):
        """A load that runs beside others; `finish_load` waits for its figures."""
        command = [
            self.path("load"), "--socket", server.socket_path, "--server", str(server.pid),
            "--seconds", str(seconds or self.seconds), *map(str, options),
        ]
        return subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            preexec_fn=tied_to({self.load_cpu if cpu is None else cpu}))

    def finish_load(self, server, load):
        try:
            output, errors = load.communicate()
        except BaseException:
            load.kill()
            load.wait()
            raise
        if load.returncode == 2:
            raise WrongReply(f"{server.name}: wrong or missing replies under load\n{output}{errors}")
        if load.returncode != 0:
            server.check()
            raise Failure(f"{server.name}: the load failed: {errors}{server.last_words()}")
        return json.loads(output)

    def load(self, server, *options, **more):
        return self.finish_load(server, self.begin_load(server, *options, **more))

    def first_answer(self, socket, command):
        """Milliseconds from before the fork to the first reply."""
        return float(self.output("start", self.load_cpu, self.path("start"), self.server_cpu, socket, *command)) / 1000

    def bare(self, file):
        """Microseconds of CPU that nothing but the checking of a token takes."""
        return float(self.output("bare", self.server_cpu, self.path("bare"), file, self.seconds / 2))

    @staticmethod
    def source(name):
        return os.path.join(SOURCES, name)

    def output(self, tool, cpu, *command):
        """What a tool prints that is pinned to `cpu`. Throws `Missing` when it, or what it stands on, is not there."""
        try:
            done = subprocess.run(
                [*map(str, command)], capture_output=True, text=True, env=self.environment, preexec_fn=tied_to({cpu}))
        except FileNotFoundError as error:
            raise Missing(f"there is no {error.filename}") from error
        if done.returncode == 3:
            raise Missing(f"{tool} lacks its library")
        if done.returncode == 2:
            raise WrongReply(f"{tool}: {done.stderr}")
        if done.returncode != 0:
            raise Failure(f"{tool}: {done.stderr}")
        return done.stdout
