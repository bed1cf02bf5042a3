"""The daemon's sudden ends: the socket outlives them, who waits is served, and systemd says why."""

import contextlib
import signal

import pytest

from System.connection import assert_ok
from System.people import Person

from .usher import SETTINGS

WAITING = 30


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT], ids=lambda number: number.name)
def test_the_next_client_is_served_after_a_crash(machine, number):
    with machine.connect() as connection:
        person, left = Person(connection), Person(connection)
        assert connection.call("REVOKE", token=left.access)["revoked"]
        daemon = machine.main_pid()
        since = machine.now()
        machine.kill(number)
        # Who connects from now on waits in the socket.
        with contextlib.ExitStack() as stack:
            waiting = [stack.enter_context(machine.connect()) for _ in range(WAITING)]
            for client in waiting:
                client.send({"op": "VERIFY", "token": person.access}, {"op": "VERIFY", "token": left.access})
            for client in waiting:
                assert_ok(client.read_reply(), "claims")
                assert client.read_reply()["error"] == "token_revoked"
    assert machine.main_pid() not in (0, daemon)
    assert machine.show("usher.socket", "ActiveState") == "active"
    (ended,) = [entry for entry in machine.journal("UNIT=usher.service", since=since) if "Main process exited" in entry["MESSAGE"]]
    assert f"status={int(number)}/{number.name.removeprefix('SIG')}" in ended["MESSAGE"]


def test_the_next_run_tells_of_it(machine):
    machine.ask("PING")
    daemon, since = machine.main_pid(), machine.now()
    machine.kill(signal.SIGSEGV)
    machine.ask("PING")
    told = f"the last run (process {daemon}) came to a sudden end"
    assert told in machine.show("usher.service", "StatusText")
    entry = machine.logged("--unit=usher.service", "--priority=warning", "--identifier=usherd", since=since)
    assert told in entry["MESSAGE"]
    explained = machine.run("journalctl", "--catalog", "--no-pager", f"MESSAGE_ID={entry['MESSAGE_ID']}").stdout
    assert "came to a sudden end" in explained and "journalctl -u usher -t systemd" in explained
    # It stays in the status, whatever else happens, until somebody has seen to it.
    with machine.connect() as connection:
        assert_ok(connection.ask("PING"))
        machine.eventually(lambda: "connection" in machine.show("usher.service", "StatusText"), "the next status")
        assert told in machine.show("usher.service", "StatusText")
    machine.systemctl("reload", "usher.service")
    assert told not in machine.show("usher.service", "StatusText")
    machine.restart()
    assert "sudden" not in machine.show("usher.service", "StatusText")


def test_the_status_tells_why_until_the_next_start(machine):
    machine.ask("PING")
    machine.drop_in("usher.service", "[Service]\nRestartSec=1h\n")
    try:
        machine.kill(signal.SIGSEGV)
        machine.eventually(lambda: machine.show("usher.service", "SubState") == "auto-restart", "its end")
        said = machine.systemctl("status", "usher.service", check=False).stdout
        assert "Result: signal" in said and "signal=SEGV" in said
        assert machine.show("usher.socket", "ActiveState") == "active"
    finally:
        machine.revert("usher.service")
        machine.restart()


def test_clients_wait_while_the_daemon_cannot_start(machine):
    machine.ask("PING")
    settings = machine.run("cat", SETTINGS).stdout
    machine.settings("[token]\nissuer = 7\n")
    complaint = f"{SETTINGS}:2:10: token.issuer must be a string."
    try:
        assert machine.systemctl("restart", "usher.service", check=False).returncode != 0
        with contextlib.ExitStack() as stack:
            waiting = [stack.enter_context(machine.connect()) for _ in range(WAITING)]
            for client in waiting:
                client.send("PING")
            # More often than systemd lets a service fail by default.
            machine.eventually(lambda: int(machine.show("usher.service", "NRestarts")) > 5, "restarts")
            assert machine.show("usher.socket", "ActiveState") == "active"
            status = lambda: machine.systemctl("status", "usher.service", check=False).stdout
            machine.eventually(lambda: f'Status: "Cannot start: {complaint}"' in status(), "the reason in the status")
            assert complaint in machine.logged("--unit=usher.service", "--priority=err", "--identifier=usherd")["MESSAGE"]
            machine.settings(settings)
            for client in waiting:
                assert_ok(client.read_reply(), "server", "version", "protocol")
    finally:
        machine.settings(settings)
