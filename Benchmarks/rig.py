"""What every measurement stands on: a temporary folder, the built tools, the processors, the secrets of this run."""

import json
import os
import secrets
import shutil
import subprocess
import tempfile

import machine
from servers import Failure, Server, WrongReply, tied_to

SOURCES = os.path.dirname(os.path.abspath(__file__))
TOOLS = {
    "echo": ["echo.c"],
    "load": ["load.c", "options.c", "connection.c", "requests.c", "latency.c"],
    "start": ["start.c"],
}
FLAGS = ["-O2", "-Wall", "-Wextra", "-Werror"]
# Cheap hashes, for measurements that need accounts but not their passwords; tokens that outlive the longest run.
SETTINGS = '[password]\nscheme = "bcrypt"\ncost = 4\n\n[token]\naccess_expiry = "24h"\n'


class Rig:
    """Use it in `with`: afterwards the folder is gone."""

    def __init__(self, usherd, folder, rounds, seconds):
        self.usherd, self.parent, self.rounds, self.seconds = usherd, folder, rounds, seconds
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
        command = ["cc", *FLAGS, "-o", self.path(tool), *(os.path.join(SOURCES, source) for source in sources)]
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

    def daemon(self, state, processors=None, settings=True):
        return Server(
            self.server_name, self.daemon_command(state, settings), self.path("usher.sock"), processors or {self.server_cpu},
            self.path("usherd.log"), self.environment)

    def daemon_command(self, state, settings=True):
        folder = self.path(state)
        os.makedirs(folder, mode=0o700, exist_ok=True)
        command = [self.usherd, "--listen", self.path("usher.sock"), "--state", folder]
        return command + (["--config", self.path("settings.toml")] if settings else [])

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
        done = subprocess.run(
            [self.path("start"), str(self.server_cpu), socket, *command], capture_output=True, text=True,
            env=self.environment, preexec_fn=tied_to({self.load_cpu}))
        if done.returncode != 0:
            raise Failure(f"{os.path.basename(command[0])} can't be started: {done.stderr}")
        return float(done.stdout) / 1000
