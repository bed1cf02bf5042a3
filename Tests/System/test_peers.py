"""Peers that share the daemon: what one does costs the others as little as can be."""

import contextlib
import os

import pytest

from .connection import assert_failure, assert_ok
from .daemon import eventually
from .people import PAIR, Person, fresh_name

NOBODY = 65534


@pytest.fixture
def as_nobody_connect():
    """Connects as another uid: what SO_PEERCRED tells is settled then."""
    if os.geteuid() != 0:
        pytest.skip("needs root, to be two users at once")

    def connect(daemon):
        daemon.folder.chmod(0o755)
        daemon.socket.chmod(0o666)
        os.seteuid(NOBODY)
        try:
            return daemon.connect()
        finally:
            os.seteuid(0)

    return connect


def login(person, **more):
    return {"op": "LOGIN", "username": person.username, "password": person.password, **more}


def test_connections_are_capped_for_each_peer(make, as_nobody_connect):
    daemon = make({"socket": {"max_connections_per_uid": 3}}).start()
    with contextlib.ExitStack() as stack:

        def full():
            connection = stack.enter_context(daemon.connect())
            try:
                return not connection.ask("PING")["ok"]
            except (BrokenPipeError, ConnectionResetError):
                return True

        eventually(full, "the cap of one peer")
        # The other has a cap of its own.
        others = [stack.enter_context(as_nobody_connect(daemon)) for _ in range(3)]
        for other in others:
            assert_ok(other.ask("PING"))
        (reply,) = stack.enter_context(as_nobody_connect(daemon)).read_to_end()
        assert_failure(reply, "busy")


def test_queue_slots_are_shared_between_peers(make, as_nobody_connect):
    daemon = make({"password": {"cost": 9, "workers": 1, "queue": 30}}).start()
    with contextlib.ExitStack() as stack:
        crowd = [stack.enter_context(daemon.connect()) for _ in range(4)]
        person = Person(crowd[0])
        for connection in crowd:
            connection.send(*[login(person, id=n) for n in range(100)])
        other = stack.enter_context(as_nobody_connect(daemon))
        # The crowd has filled the queue, and some of it is turned away; the other peer is not.
        (first, *_) = [crowd[3].read_reply()]
        assert first["ok"] or first["error"] == "busy"
        for _ in range(3):
            assert_ok(other.ask(login(person)), *PAIR)
        replies = [first, *crowd[3].read_replies(99), *(reply for connection in crowd[:3] for reply in connection.read_replies(100))]
        refused = [reply for reply in replies if not reply["ok"]]
        assert refused and len(refused) < 400
        for reply in refused:
            assert_failure(reply, "busy")


def test_a_hash_whose_client_has_gone_is_dropped(make):
    daemon = make({"password": {"cost": 4, "workers": 1, "queue": 200}}).start()
    with daemon.connect() as connection:
        person = Person(connection)
    daemon.stop()
    # A hash takes half a second or so: all of them would keep the last waiting for longer than it may wait.
    daemon.config["password"]["cost"] = 13
    daemon.start()
    with daemon.connect() as gone:
        gone.send(*[{"op": "LOGIN", "username": fresh_name(), "password": "whatever it is", "id": n} for n in range(100)])
        gone.ask({"op": "PING", "id": "all of it is there"})
    with daemon.connect() as connection:
        assert_ok(person.login(connection), *PAIR)


def test_a_hash_that_has_waited_too_long_is_dropped(make):
    daemon = make({"password": {"cost": 14, "workers": 1, "queue": 200}}).start()
    with daemon.connect() as connection:
        logins = [{"op": "LOGIN", "username": fresh_name(), "password": "whatever it is", "id": n} for n in range(100)]
        replies = connection.pipeline(logins)
        assert {reply["id"] for reply in replies} == set(range(100))
        late = [reply for reply in replies if reply["error"] == "busy"]
        # A minute's work and more was asked for.
        assert 0 < len(late) < 100
        for reply in replies:
            assert_failure(reply, "busy" if reply in late else "invalid_credentials")
        assert_ok(connection.ask("PING"))


def test_hashing_keeps_nobody_from_verifying(make):
    daemon = make({"password": {"cost": 11, "workers": 2, "queue": 200}}).start()
    with daemon.connect() as busy, daemon.connect() as other:
        person = Person(other)
        busy.send(*[login(person, id=n) for n in range(30)])
        # Hundreds of these within the time of thirty hashes, or each would wait for one.
        for _ in range(300):
            assert_ok(other.call("VERIFY", token=person.access), "claims")
        busy.send({"op": "PING", "id": "last"})
        order = [reply["id"] for reply in busy.read_replies(31)]
        assert order.index("last") < 30, "all the hashes were done before the VERIFYs"
