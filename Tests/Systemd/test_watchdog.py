"""What hangs is ended and started anew; what only waits for its disk is not."""

import os
import re
import time
from pathlib import Path

import pytest

from System.connection import Connection, assert_failure, assert_ok
from System.frozen import freeze
from System.people import PAIR, Person

from .usher import CHEAP

WATCHDOG_SECONDS = 2
SETTINGS = CHEAP + 'workers = 1\ntimeout = "1s"\n[store]\ntimeout = "1s"\n'


@pytest.fixture(scope="module")
def watched(machine):
    machine.settings(SETTINGS)
    machine.drop_in("usher.service", f"[Service]\nWatchdogSec={WATCHDOG_SECONDS}s\n")
    machine.restart()
    return machine


@pytest.fixture
def person(watched):
    with watched.connect() as connection:
        return Person(connection)


def host_pid(machine):
    """The daemon's process id as this process knows it."""
    wanted = str(machine.main_pid())
    root = Path(f"/proc/{machine.pid}/ns/pid").readlink()
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            status = (entry / "status").read_text()
            if os.readlink(entry / "ns/pid") != str(root):
                continue
        except OSError:
            continue
        ids = next(line for line in status.splitlines() if line.startswith("NSpid:")).split()
        if ids[-1] == wanted:
            return int(entry.name)
    raise AssertionError("the daemon is not among the processes of this host")


def restarts(machine):
    return int(machine.show("usher.service", "NRestarts"))


def test_a_daemon_whose_reactor_hangs_is_replaced(watched, person):
    before, since = restarts(watched), watched.now()
    with freeze(host_pid(watched), "usherd"):
        # They connect while it hangs, and are served by the next one.
        connections = [Connection(watched.path("/run/usher/usher.sock")) for _ in range(20)]
        for connection in connections:
            connection.send({"op": "VERIFY", "token": person.access})
        watched.eventually(lambda: restarts(watched) > before, "another daemon")
    answers = 0
    for connection in connections:
        with connection:
            line = connection.read_line()
            answers += line is not None and b'"ok":true' in line
    # Whom the first one had accepted it cannot have: it stood still.
    assert answers == len(connections)
    assert any("atchdog timeout" in entry["MESSAGE"] for entry in watched.journal("UNIT=usher.service", since=since))


def test_a_daemon_whose_hashing_hangs_is_replaced(watched, person):
    before, since = restarts(watched), watched.now()
    with watched.connect() as connection:
        with freeze(host_pid(watched), "usher-hash-0"):
            connection.send({"op": "LOGIN", "username": person.username, "password": person.password})
            watched.eventually(lambda: restarts(watched) > before, "another daemon")
        assert connection.read_line() is None
    with watched.connect() as connection:
        assert_ok(person.login(connection), *PAIR)
    (entry,) = [entry for entry in watched.journal("_SYSTEMD_UNIT=usher.service", since=since) if "hashing hangs" in entry["MESSAGE"]]
    assert entry["PRIORITY"] == "2"


def test_a_daemon_whose_disk_stalls_is_left_alone(watched, person):
    before = restarts(watched)
    with watched.connect() as connection:
        with freeze(host_pid(watched), "usher-store", at_sync=True) as disk:
            connection.send({"op": "REFRESH", "refresh_token": person.refresh})
            assert disk.reached.wait(60)
            assert_failure(connection.read_reply(), "store_unavailable")
            watched.eventually(lambda: "store stalled for" in watched.show("usher.service", "StatusText"), "its status")
            # Long enough to be ended for it.
            for _ in range(3 * WATCHDOG_SECONDS):
                assert_ok(connection.call("VERIFY", token=person.access), "claims")
                time.sleep(1)
        assert_ok(connection.call("REFRESH", refresh_token=person.refresh), *PAIR)
        watched.eventually(lambda: "stalled" not in watched.show("usher.service", "StatusText"), "its status")
        assert "connection" in watched.show("usher.service", "StatusText")
    assert restarts(watched) == before


def test_an_idle_daemon_is_left_alone(watched):
    watched.ask("PING")
    before = restarts(watched)
    time.sleep(3 * WATCHDOG_SECONDS)
    assert restarts(watched) == before


def test_a_flood_has_its_number_in_the_journal(watched, person):
    since = watched.now()
    with watched.connect() as connection:
        connection.pipeline([{"op": "LOGIN", "username": person.username, "password": "wrong horse"}] * 300)
    refused = ("USHER_OP=LOGIN", "USHER_RESULT=invalid_credentials")

    def told():
        entries = watched.journal(*refused, since=since)
        return entries if sum(int(entry.get("USHER_COUNT", 1)) for entry in entries) == 300 else None

    entries = watched.eventually(told, "the number of all that were refused")
    summaries = [entry for entry in entries if "USHER_COUNT" in entry]
    # One summary a window: a slow machine needs several.
    assert len(entries) - len(summaries) <= 20 * len(summaries)
    for entry in summaries:
        assert entry["USHER_PEER_UID"] == "0" and "USHER_PEER_PID" not in entry
        assert re.match(r"\.\.\. and \d+ more like it in \d+ s", entry["MESSAGE"])
