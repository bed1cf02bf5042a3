"""Under systemd's eyes: inherited sockets, notification, SIGTERM."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import threading

import pytest

from .connection import Connection, assert_failure, assert_ok, parse_reply
from .daemon import CHEAP, JWT_SECRET, PATIENCE, REFRESH_SECRET, USHERD, Lines, eventually, is_listening, merged, toml
from .people import PAIR, Person, registration

PING = {"op": "PING"}

# Hashing that takes much longer than what SIGTERM takes to arrive.
SLOW = {"password": {"scheme": "bcrypt", "cost": 9, "workers": 1, "queue": 200}}


def login(person, **more):
    return {"op": "LOGIN", "username": person.username, "password": person.password, **more}


# Inherited sockets


class Activated:
    """usherd behind systemd-socket-activate, which executes it when somebody connects."""

    def __init__(self, folder, names, config=CHEAP, args=(), env=None):
        self.folder = folder
        self.state = folder / "state"
        self.state.mkdir(mode=0o700, exist_ok=True)
        self.paths = {name: folder / name for name in names}
        config_file = folder / "usher.toml"
        config_file.write_text(config if isinstance(config, str) else toml(config))
        command = ["systemd-socket-activate"]
        for path in self.paths.values():
            command += ["-l", str(path)]
        command += ["--fdname=" + ":".join(names)]
        for name, value in {"JWT_SECRET": JWT_SECRET, "REFRESH_TOKEN_SECRET": REFRESH_SECRET, **(env or {})}.items():
            command += ["-E", f"{name}={value}"]
        command += [str(USHERD), "--config", str(config_file), "--state", str(self.state), *args]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=folder)
        self.stdout, self.stderr = Lines(self.process.stdout), Lines(self.process.stderr)
        eventually(lambda: all(path.exists() for path in self.paths.values()), "the sockets of systemd-socket-activate")

    def connect(self, name="app"):
        return Connection(self.paths[name])

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(PATIENCE)
        self.stderr.end()
        return status

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


@pytest.fixture
def activated(folder):
    if not shutil.which("systemd-socket-activate"):
        pytest.skip("there is no systemd-socket-activate here")
    with contextlib.ExitStack() as stack:
        yield lambda names=("app",), **more: stack.enter_context(Activated(folder, list(names), **more))


def test_an_inherited_socket(activated):
    daemon = activated()
    # The first request waits in the socket until the daemon that it starts is ready.
    with daemon.connect() as connection:
        person = Person(connection)
        assert_ok(person.login(connection), *PAIR)
        assert_ok(connection.call("VERIFY", token=person.access), "claims")
    with daemon.connect() as connection:
        assert_ok(connection.ask("PING"), "server", "version", "protocol")
    assert daemon.stop() == 0
    assert daemon.paths["app"].exists(), "the socket's file belongs to who made it"


def test_an_inherited_socket_wins_over_listen(activated, folder):
    daemon = activated(args=["--listen", str(folder / "other")])
    with daemon.connect() as connection:
        assert_ok(connection.ask("PING"), "server", "version", "protocol")
    assert not (folder / "other").exists()
    assert daemon.stop() == 0


def test_two_inherited_sockets(activated):
    daemon = activated(["app", "admin"])
    with daemon.connect("app") as app:
        person = Person(app)
        assert_ok(app.call("VERIFY", token=person.access), "claims")
        with daemon.connect("admin") as admin:
            assert_ok(admin.ask("PING"), "server", "version", "protocol")
            assert_ok(admin.call("EXPORT"), "users", "next")
        assert_failure(app.call("EXPORT"), "forbidden_op")
    assert daemon.stop() == 0


def test_many_wait_for_the_daemon_to_start(activated):
    daemon = activated()
    with contextlib.ExitStack() as stack:
        connections = [stack.enter_context(daemon.connect()) for _ in range(30)]
        for connection in connections:
            connection.send(PING)
            connection.half_close()
        for connection in connections:
            (reply,) = connection.read_to_end()
            assert reply["protocol"] == 1
    assert daemon.stop() == 0


def test_what_had_reached_an_inherited_socket_is_answered(activated):
    daemon = activated(config=SLOW)
    with daemon.connect() as connection, daemon.connect() as other:
        person = Person(connection)
        other.ask(PING)
        requests = [login(person, id=n) for n in range(10)]
        connection.send(*requests)
        status = daemon.stop()
        replies = connection.read_to_end()
        assert sorted(reply["id"] for reply in replies) == list(range(10))
        assert all(reply["ok"] for reply in replies)
        assert other.read_line() is None
    assert status == 0


# Notification


class Notifications:
    """The receiving end of sd_notify."""

    def __init__(self, address):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(address)
        self.socket.settimeout(PATIENCE)
        self.seen = []

    def wait_for(self, assignment):
        while not any(assignment in message for message in self.seen):
            self.seen.append(self.socket.recv(65_536).decode().splitlines())
        return self.seen

    def close(self):
        self.socket.close()


@pytest.mark.parametrize("kind", ["file", "abstract"])
def test_ready_status_and_stopping(make, folder, kind):
    path = str(folder / "notify") if kind == "file" else f"\0usher-tests-{os.getpid()}-{folder.name}"
    with contextlib.closing(Notifications(path)) as notifications:
        daemon = make(env={"NOTIFY_SOCKET": path.replace("\0", "@")}).launch()
        notifications.wait_for("READY=1")
        # READY means that a request would be answered now, not soon.
        with Connection(daemon.socket) as connection:
            person = Person(connection)
            assert_ok(connection.call("VERIFY", token=person.access), "claims")
        assert any(line.startswith("STATUS=") and len(line) > len("STATUS=") for message in notifications.seen for line in message)
        assert not any("STOPPING=1" in message for message in notifications.seen)
        daemon.terminate()
        notifications.wait_for("STOPPING=1")
        assert daemon.wait() == 0
        ready = [message for message in notifications.seen if "READY=1" in message]
        assert len(ready) == 1


def test_a_daemon_that_refuses_is_never_ready(make, folder):
    with contextlib.closing(Notifications(str(folder / "notify"))) as notifications:
        daemon = make(env={"NOTIFY_SOCKET": str(folder / "notify"), "JWT_SECRET": "short"})
        daemon.refused()
        notifications.socket.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:
                assert "READY=1" not in notifications.socket.recv(65_536).decode()


def test_a_notify_socket_that_nobody_reads_harms_nothing(make, folder):
    daemon = make(env={"NOTIFY_SOCKET": str(folder / "nobody")}).start()
    with daemon.connect() as connection:
        assert_ok(connection.ask("PING"), "server", "version", "protocol")
    assert daemon.stop() == 0


# SIGTERM


def test_idle_connections_get_an_end(make):
    daemon = make().start()
    with contextlib.ExitStack() as stack:
        connections = [stack.enter_context(Connection(daemon.socket)) for _ in range(20)]
        for connection in connections:
            assert_ok(connection.ask("PING"))
        connections[0].send_raw(b'{"op":"PI')
        daemon.terminate()
        for connection in connections[1:]:
            assert connection.read_line() is None
        assert daemon.wait() == 0


def test_what_had_reached_the_socket_is_answered(make):
    daemon = make(SLOW).start()
    with Connection(daemon.socket) as ordered, Connection(daemon.socket) as free, Connection(daemon.socket) as fast:
        person = Person(ordered)
        for connection in (free, fast):
            connection.ask(PING)
        newcomer = registration()
        ordered.send(*[login(person)] * 6, {"op": "VERIFY", "token": person.access})
        free.send(*[login(person, id=n) for n in range(6)], {**newcomer, "id": 6})
        fast.send(*[{"op": "VERIFY", "token": person.access, "id": n} for n in range(1_000)])
        daemon.terminate()
        replies = ordered.read_to_end()
        assert len(replies) == 7 and all(reply["ok"] for reply in replies) and "claims" in replies[6]
        replies = free.read_to_end()
        assert sorted(reply["id"] for reply in replies) == list(range(7)) and all(reply["ok"] for reply in replies)
        replies = fast.read_to_end()
        assert [reply["id"] for reply in replies] == list(range(1_000)) and all(reply["ok"] for reply in replies)
        assert daemon.wait() == 0
    # What was acknowledged while draining holds.
    daemon.start()
    with daemon.connect() as connection:
        assert_ok(connection.call("LOGIN", username=newcomer["username"], password=newcomer["password"]), *PAIR)


def test_a_half_closed_connection_is_answered_before_the_end(make):
    daemon = make(SLOW).start()
    with Connection(daemon.socket) as connection:
        person = Person(connection)
        connection.send(*[login(person)] * 5)
        connection.half_close()
        daemon.terminate()
        replies = connection.read_to_end()
        assert len(replies) == 5 and all(reply["ok"] for reply in replies)
    assert daemon.wait() == 0


def test_after_sigterm_nothing_new_is_taken(make):
    daemon = make(merged(SLOW, {"server": {"drain_timeout": "30s"}})).start()
    with Connection(daemon.socket) as busy, Connection(daemon.socket) as late:
        person = Person(busy)
        late.ask(PING)
        busy.send(*[login(person, id=n) for n in range(20)])
        daemon.terminate()
        # Its own end tells that draining has begun.
        try:
            while (line := late.read_line()) is not None:
                assert parse_reply(line)["error"] == "shutting_down"
        except ConnectionResetError:
            pass
        for _ in range(3):
            try:
                with Connection(daemon.socket) as new:
                    new.send(PING)
                    line = new.read_line()
                    assert line is None or parse_reply(line)["error"] == "shutting_down"
            except (ConnectionRefusedError, ConnectionResetError, BrokenPipeError, FileNotFoundError):
                pass
        replies = busy.read_to_end()
        assert sorted(reply["id"] for reply in replies) == list(range(20)) and all(reply["ok"] for reply in replies)
    assert daemon.wait() == 0
    assert not is_listening(daemon.socket)


def test_drain_timeout_is_honoured(make):
    # One hash takes about a second; all of them would take more than a minute.
    daemon = make({"password": {"cost": 4, "workers": 1, "queue": 200}, "server": {"drain_timeout": "1s"}}).start()
    with daemon.connect() as connection:
        person = Person(connection)
    daemon.stop()
    daemon.config["password"]["cost"] = 14
    daemon.start()
    with Connection(daemon.socket) as connection:
        connection.send(*[{**registration(), "id": n} for n in range(90)])
        connection.ask({"op": "VERIFY", "token": person.access, "id": "here"})
        daemon.terminate()
        assert daemon.wait(30) == 0
        # Whatever it was told until then was told whole.
        with contextlib.suppress(ConnectionResetError):
            assert len(connection.read_to_end()) < 90


def test_a_client_that_does_not_read_holds_up_nothing(make):
    daemon = make({"server": {"drain_timeout": "1s"}}).start()
    with Connection(daemon.socket) as connection, Connection(daemon.socket) as other:
        person = Person(other)
        data = b'{"op":"VERIFY","token":"%s"}\n' % person.access.encode() * 20_000

        def send():
            with contextlib.suppress(OSError):
                connection.send_raw(data)

        sender = threading.Thread(target=send, daemon=True)
        sender.start()
        # It is being read: the others' turn comes in between.
        for _ in range(50):
            assert_ok(other.call("VERIFY", token=person.access), "claims")
        daemon.terminate()
        assert daemon.wait(30) == 0
        sender.join()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_both_signals_end_it_in_good_order(make, number):
    daemon = make().start()
    os.kill(daemon.pid, number)
    assert daemon.wait() == 0


def test_a_client_that_is_gone_is_no_end(make):
    daemon = make(SLOW).start()
    with Connection(daemon.socket) as connection:
        person = Person(connection)
        connection.send(*[login(person)] * 10)
    # Writing to who is gone raises SIGPIPE where nobody ignores it.
    with Connection(daemon.socket) as connection:
        assert_ok(person.login(connection), *PAIR)
    assert daemon.stop() == 0
