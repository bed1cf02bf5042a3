"""A disk that does not answer, and threads that hang: what clients see, and what the supervisor is told."""

import contextlib
import os
import signal
import socket
import threading
import time

import pytest

from .connection import Connection, assert_failure, assert_ok
from .daemon import PATIENCE, eventually, merged
from .frozen import freeze
from .people import PAIR, Person, registration
from .test_systemd_activation import Notifications

# The watchdog that these daemons are told of. Nobody ends them.
WATCHDOG = 2.0
QUICK = {"store": {"timeout": "1s"}, "password": {"scheme": "bcrypt", "cost": 4, "timeout": "1s", "workers": 1}}


class Supervisor(Notifications):
    """Reads all the time, and remembers when it was told what."""

    def __init__(self, address):
        super().__init__(address)
        self.changed = threading.Condition()
        self.times = []
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        with contextlib.suppress(OSError):
            while True:
                message = self.socket.recv(65_536).decode().splitlines()
                with self.changed:
                    self.seen.append(message)
                    self.times.append(time.monotonic())
                    self.changed.notify_all()

    def wait_for_one(self, wanted, start=0):
        """The first assignment from message `start` on for which `wanted` holds."""
        deadline = time.monotonic() + PATIENCE
        with self.changed:
            while True:
                for message in self.seen[start:]:
                    for assignment in message:
                        if wanted(assignment):
                            return assignment
                assert self.changed.wait(deadline - time.monotonic()), f"not told: {self.seen[start:]}"

    def wait_for_status(self, part):
        return self.wait_for_one(lambda assignment: assignment.startswith("STATUS=") and part in assignment, len(self.seen))

    def feedings(self):
        with self.changed:
            return sum("WATCHDOG=1" in message for message in self.seen)

    def wait_for_feedings(self, count):
        goal = self.feedings() + count
        eventually(lambda: self.feedings() >= goal, f"{count} more feedings")


@pytest.fixture
def supervisor(folder):
    with contextlib.closing(Supervisor(str(folder / "notify"))) as supervisor:
        yield supervisor


@pytest.fixture
def watched(make, folder, supervisor):
    """Starts a daemon under a supervisor with a watchdog."""

    def start(config=QUICK, watchdog=WATCHDOG):
        env = {"NOTIFY_SOCKET": str(folder / "notify")}
        if watchdog:
            env["WATCHDOG_USEC"] = str(int(watchdog * 1_000_000))
        return make(config, env=env).start()

    return start


# The watchdog and the status


def test_the_watchdog_is_fed_at_half_its_interval(watched, supervisor):
    watched()
    supervisor.wait_for_feedings(4)


def test_somebody_elses_watchdog_is_not_fed(make, folder, supervisor):
    daemon = make(env={"NOTIFY_SOCKET": str(folder / "notify"), "WATCHDOG_USEC": "100000", "WATCHDOG_PID": "1"}).start()
    time.sleep(0.5)
    assert supervisor.feedings() == 0
    assert daemon.stop() == 0


def test_the_status_tells_what_it_is_doing(watched, supervisor):
    daemon = watched(watchdog=None)
    with Connection(daemon.socket) as connection, Connection(daemon.socket) as other:
        person = Person(connection)
        other.pipeline([{"op": "VERIFY", "token": person.access}] * 1_234)
        other.call("VERIFY", token="x")
        told = supervisor.wait_for_status("verified")
        assert told == "STATUS=2 connections, 0 hashing, 1,234 verified"
    assert supervisor.wait_for_status("verified") == "STATUS=0 connections, 0 hashing, 1,234 verified"
    assert supervisor.feedings() == 0
    told = [at for message, at in zip(supervisor.seen, supervisor.times) if any(a.startswith("STATUS=") for a in message)]
    # A bound, whatever the machine does meanwhile: they are told at least five seconds apart.
    assert all(later - earlier > 4.5 for earlier, later in zip(told, told[1:]))


def context_switches(daemon):
    status = (f"/proc/{daemon.pid}/task/{task}/status" for task in os.listdir(f"/proc/{daemon.pid}/task"))
    lines = (line for path in status for line in open(path) if "ctxt_switches" in line)
    return sum(int(line.split()[1]) for line in lines)


def test_an_idle_daemon_sleeps(watched):
    daemon = watched(watchdog=None)
    with Connection(daemon.socket) as connection:
        connection.ask("PING")
        # The last of it is told within five seconds; what the store and the journal had to do is done by then, too.
        time.sleep(7)
        before = context_switches(daemon)
        time.sleep(7)
        assert context_switches(daemon) == before


def test_a_supervisor_that_does_not_read_holds_up_nobody(make, folder):
    """The datagrams fill its socket: the daemon goes on, and READY arrives when it reads."""
    with contextlib.closing(Notifications(str(folder / "notify"))) as notifications:
        filler = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        filler.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:
                filler.sendto(b"STATUS=full", str(folder / "notify"))
        env = {"NOTIFY_SOCKET": str(folder / "notify"), "WATCHDOG_USEC": "20000"}
        daemon = make(env=env).start()
        with daemon.connect() as connection:
            person = Person(connection)
            for _ in range(100):
                assert_ok(connection.call("VERIFY", token=person.access), "claims")
        assert not any("READY=1" in message for message in notifications.seen)
        notifications.wait_for("READY=1")
        notifications.wait_for("WATCHDOG=1")
        assert daemon.stop() == 0


# Hangs


def test_a_hashing_thread_that_hangs_is_not_covered_up(watched, supervisor):
    daemon = watched()
    with Connection(daemon.socket) as connection, Connection(daemon.socket) as other:
        person = Person(other)
        with freeze(daemon.pid, "usher-hash-0"):
            connection.send({"op": "LOGIN", "username": person.username, "password": person.password})
            daemon.stderr.wait_for(lambda line: "password hashing hangs" in line)
            before = supervisor.feedings()
            # Nothing else hangs; and time passes in which it would have been fed.
            for _ in range(20):
                assert_ok(other.call("VERIFY", token=person.access), "claims")
                time.sleep(WATCHDOG / 10)
            assert supervisor.feedings() == before
            supervisor.wait_for_status("hashing has hung for")
        # It was only slow, after all; what has waited for too long in the queue is not carried out.
        reply = connection.read_reply()
        assert reply["ok"] or reply["error"] == "busy", reply
        supervisor.wait_for_feedings(2)
        daemon.stderr.wait_for(lambda line: "password hashing goes on" in line)
    assert daemon.stop() == 0


def test_a_reactor_that_hangs_feeds_nobody(watched, supervisor):
    daemon = watched()
    supervisor.wait_for_feedings(1)
    with freeze(daemon.pid, "usherd"):
        before = supervisor.feedings()
        time.sleep(2 * WATCHDOG)
        assert supervisor.feedings() == before
    supervisor.wait_for_feedings(1)
    assert daemon.stop() == 0


# A disk that stalls


def test_a_stalled_disk_holds_up_nobody(watched, supervisor):
    daemon = watched()
    with Connection(daemon.socket) as writer, Connection(daemon.socket) as other, Connection(daemon.socket) as late:
        person, victim, bystander = Person(other), Person(other), Person(other)
        with freeze(daemon.pid, "usher-store", at_sync=True) as disk:
            # This one is begun, and stands still in its commit.
            writer.send({"op": "REVOKE", "token": victim.access, "id": "begun"})
            assert disk.reached.wait(PATIENCE)
            never = registration()
            late.send(
                {**never, "id": "never"},
                {"op": "LOGIN", "username": person.username, "password": person.password, "id": "login"},
                {"op": "REFRESH", "refresh_token": person.refresh, "id": "refresh"},
            )
            # Before the time is over already.
            assert_ok(other.call("VERIFY", token=bystander.access), "claims")
            assert_failure(writer.read_reply(), "store_unavailable", id="begun")
            replies = {reply["id"]: reply for reply in late.read_replies(3)}
            for name in ("never", "login", "refresh"):
                assert_failure(replies[name], "store_unavailable")
            # What was to be revoked is, as far as this daemon can; the others verify.
            assert_failure(other.call("VERIFY", token=victim.access), "token_revoked")
            for _ in range(100):
                assert_ok(other.call("VERIFY", token=bystander.access), "claims")
            told = supervisor.wait_for_status("store stalled for")
            assert "connection" in told
            # It is no hang.
            supervisor.wait_for_feedings(3)
            daemon.stderr.wait_for(lambda line: "The store stalls" in line)
            # And it goes on being refused in time.
            assert_failure(late.call("REFRESH", refresh_token=person.refresh), "store_unavailable")
        daemon.stderr.wait_for(lambda line: "works again" in line)
        # Nothing was carried out for those who were told that it may not have been, but what had begun.
        assert_failure(late.call("LOGIN", username=never["username"], password=never["password"]), "invalid_credentials")
        person.rotate(late)
        assert_ok(person.login(late), *PAIR)
        assert_failure(other.call("VERIFY", token=victim.access), "token_revoked")
        told = supervisor.wait_for_one(lambda a: a.startswith("STATUS=") and "connection" in a and "stalled" not in a, len(supervisor.seen))
        # No reply comes twice.
        for connection in (writer, late, other):
            assert connection.ask({"op": "PING", "id": "last"})["id"] == "last"
    daemon.crash_and_restart()
    with daemon.connect() as connection:
        assert_failure(connection.call("VERIFY", token=victim.access), "token_revoked")
        assert_ok(connection.call("VERIFY", token=person.access), "claims")


def test_a_refresh_that_is_committed_late_may_be_repeated(make):
    """The grace window is not over, though the disk stood still for longer."""
    config = merged(QUICK, {"token": {"refresh_grace": "2s"}})
    daemon = make(config).start()
    with Connection(daemon.socket) as connection:
        person = Person(connection)
        with freeze(daemon.pid, "usher-store", at_sync=True) as disk:
            connection.send({"op": "REFRESH", "refresh_token": person.refresh})
            assert disk.reached.wait(PATIENCE)
            assert_failure(connection.read_reply(), "store_unavailable")
            time.sleep(3)
        assert_ok(connection.call("REFRESH", refresh_token=person.refresh), *PAIR)


def test_a_daemon_with_a_stalled_disk_drains(watched):
    daemon = watched()
    with Connection(daemon.socket) as connection:
        person = Person(connection)
        with freeze(daemon.pid, "usher-store"):
            connection.send({"op": "REVOKE", "token": person.access})
            # It has been read: the answers to what is asked on another connection come after.
            with Connection(daemon.socket) as other:
                other.ask("PING")
            os.kill(daemon.pid, signal.SIGTERM)
            assert_failure(connection.read_reply(), "store_unavailable")
            assert connection.read_line() is None
        assert daemon.wait() == 0


def test_a_stop_does_not_wait_for_a_disk_that_does_not_answer(make):
    daemon = make({"store": {"timeout": "1s"}, "server": {"drain_timeout": "2s"}}).start()
    with daemon.connect() as connection:
        person = Person(connection)
        with freeze(daemon.pid, "usher-store", at_sync=True) as disk:
            connection.send({"op": "REFRESH", "refresh_token": person.refresh})
            assert disk.reached.wait(60)
            daemon.terminate()
            assert_failure(connection.read_reply(), "store_unavailable")
            assert daemon.wait() == 0
    assert "the store does not answer and is not waited for any longer" in daemon.stderr.text()
    # What is known of the disk is not in order; what was acknowledged is there.
    daemon.start()
    assert "came to a sudden end" in daemon.stderr.text()
    with daemon.connect() as connection:
        assert_ok(connection.call("VERIFY", token=person.access), "claims")
        person.login(connection)
