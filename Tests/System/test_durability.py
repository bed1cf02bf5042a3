"""What was acknowledged holds: after kill -9 under load, and on a disk that fills up."""

import os
import random
import shutil
import threading
import time

import pytest

from .connection import assert_failure, assert_ok
from .daemon import CHEAP, eventually
from .people import PAIR, Person, fresh_name, registration
from .tokens import parts

ROUNDS = 50
WRITERS = 8


class Witness:
    """What one writer has been told, and so what must hold."""

    def __init__(self):
        self.registered = []
        # By session: the refresh tokens in their order, and its access tokens.
        self.sessions = []
        self.in_doubt = set()


class Session:
    def __init__(self, request, reply):
        self.request = request
        self.refresh_tokens = [reply["refresh_token"]]
        self.access_tokens = [reply["access_token"]]
        self.revoked_tokens = []
        self.is_ended = False
        # A request about it went out and no reply came back.
        self.is_in_doubt = False


def write(daemon, witness, dice, acknowledged):
    """Registers, refreshes and revokes until the daemon is gone."""
    try:
        with daemon.connect() as connection:
            while True:
                live = [session for session in witness.sessions if not session.is_ended]
                choice = dice.random()
                if not live or choice < 0.3:
                    request = registration()
                    witness.sessions.append(Session(request, assert_ok(connection.ask(request), *PAIR)))
                else:
                    session = dice.choice(live)
                    session.is_in_doubt = True
                    if choice < 0.8:
                        reply = assert_ok(connection.call("REFRESH", refresh_token=session.refresh_tokens[-1]), *PAIR)
                        session.refresh_tokens.append(reply["refresh_token"])
                        session.access_tokens.append(reply["access_token"])
                    elif choice < 0.9:
                        token = dice.choice(session.access_tokens)
                        reply = assert_ok(connection.call("REVOKE", token=token), "revoked")
                        assert reply["revoked"] is (token not in session.revoked_tokens)
                        session.revoked_tokens.append(token)
                    else:
                        token = dice.choice(session.refresh_tokens)
                        assert assert_ok(connection.call("REVOKE", token=token), "revoked")["revoked"] is True
                        session.is_ended = True
                    session.is_in_doubt = False
                acknowledged.release()
    except (AssertionError, OSError) as end:
        # A connection that ends is what this is about; a reply that is wrong is not.
        if isinstance(end, AssertionError) and "the connection was closed" not in str(end):
            witness.fault = end


def check(connection, witness):
    """That every effect that was acknowledged holds."""
    questions, expected = [], []

    def question(request, *allowed):
        questions.append({**request, "id": len(questions)})
        expected.append(allowed)

    for session in witness.sessions:
        login = {"op": "LOGIN", "username": session.request["username"], "password": session.request["password"]}
        question(login, None)
        doubt = session.is_in_doubt
        for token in session.access_tokens:
            if session.is_ended or token in session.revoked_tokens:
                question({"op": "VERIFY", "token": token}, "token_revoked")
            elif doubt:
                question({"op": "VERIFY", "token": token}, None, "token_revoked")
            else:
                question({"op": "VERIFY", "token": token}, None)
    for request, reply in zip(questions, sorted(connection.pipeline(questions), key=lambda reply: reply["id"])):
        assert reply.get("error") in expected[request["id"]], (request["op"], reply, expected[request["id"]])
    for session in witness.sessions:
        newest = connection.call("REFRESH", refresh_token=session.refresh_tokens[-1])
        if session.is_ended:
            assert_failure(newest, "token_revoked")
        elif session.is_in_doubt and not newest["ok"]:
            # What was asked for may have been done: a revocation of the session is the only thing that explains this.
            assert_failure(newest, "token_revoked")
        else:
            # An acknowledged rotation that was forgotten would make this token one from the future.
            assert_ok(newest, *PAIR)
            if len(session.refresh_tokens) > 1:
                # One that an acknowledged rotation has used up stays used up.
                assert_failure(connection.call("REFRESH", refresh_token=session.refresh_tokens[-2]), "refresh_token_reused")


def test_kill_at_random_moments(make):
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    dice = random.Random(seed)
    daemon = make({"password": {"queue": 1_000}, "token": {"max_sessions": 1_000}})
    everybody = []
    daemon.start()
    for _ in range(ROUNDS):
        witnesses = [Witness() for _ in range(WRITERS)]
        acknowledged = threading.Semaphore(0)
        threads = [
            threading.Thread(target=write, args=(daemon, witness, random.Random(dice.random()), acknowledged)) for witness in witnesses
        ]
        for thread in threads:
            thread.start()
        # Some have been told of success; then at any moment.
        for _ in range(dice.randint(1, 100)):
            assert acknowledged.acquire(timeout=60)
        time.sleep(dice.random() * 0.03)
        daemon.kill9()
        for thread in threads:
            thread.join()
        daemon.start()
        with daemon.connect() as connection:
            for witness in witnesses:
                assert not hasattr(witness, "fault"), witness.fault
                check(connection, witness)
                everybody += [session.request for session in witness.sessions]
    # And nothing of an earlier round was lost in a later one.
    assert len(everybody) > ROUNDS
    with daemon.connect() as connection:
        some = dice.sample(everybody, min(500, len(everybody)))
        for request in some:
            assert_ok(connection.call("LOGIN", username=request["username"], password=request["password"]), *PAIR)
    assert daemon.stop() == 0


def test_a_burst_of_writes_then_a_crash(make):
    daemon = make({"store": {"queue": 10_000}, "password": {"queue": 1_000}}).start()
    with daemon.connect() as connection:
        requests = [{**registration(), "id": n} for n in range(200)]
        registered = connection.pipeline(requests)
        assert all(reply["ok"] for reply in registered)
        refreshed = connection.pipeline([{"op": "REFRESH", "refresh_token": reply["refresh_token"], "id": reply["id"]} for reply in registered])
        assert all(reply["ok"] for reply in refreshed)
        revoked = connection.pipeline([{"op": "REVOKE", "token": reply["access_token"], "id": reply["id"]} for reply in refreshed])
        daemon.kill9()
    assert all(reply["revoked"] for reply in revoked)
    daemon.start()
    with daemon.connect() as connection:
        for reply in connection.pipeline([{"op": "VERIFY", "token": reply["access_token"]} for reply in refreshed]):
            assert_failure(reply, "token_revoked")
        for reply in connection.pipeline([{"op": "REFRESH", "refresh_token": reply["refresh_token"]} for reply in refreshed]):
            assert_ok(reply, *PAIR)


# A full disk


class FullDisk:
    """A file that takes what is left of a small file system."""

    def __init__(self, mount):
        self.file = mount / "filler"

    def fill(self):
        with self.file.open("ab", buffering=0) as filler:
            size = 65_536
            while size:
                try:
                    filler.write(b"x" * size)
                except OSError:
                    size //= 2

    def empty(self):
        self.file.unlink()


def test_a_full_disk(make, small_disk):
    daemon = make(CHEAP, state=small_disk / "state")
    daemon.state.mkdir(mode=0o700)
    daemon.start()
    disk = FullDisk(small_disk)
    with daemon.connect() as connection, daemon.connect() as other:
        known = registration()
        tokens = assert_ok(connection.ask(known), *PAIR)
        made, refused = [known], []
        disk.fill()

        def write():
            request = registration(username=fresh_name("x" * 40))
            reply = connection.ask(request)
            if reply["ok"]:
                made.append(request)
                return False
            assert_failure(reply, "store_unavailable")
            refused.append(request)
            return True

        for _ in range(5_000):
            if write():
                break
            # What the database gave back, or had in reserve.
            disk.fill()
        assert refused, "the disk is full, and everything was stored"
        login = {"op": "LOGIN", "username": known["username"], "password": known["password"]}
        for _ in range(20):
            # None of these may look like a wrong password or a bad token.
            for request in (login, {"op": "REFRESH", "refresh_token": tokens["refresh_token"]}):
                reply = connection.ask(request)
                if not reply["ok"]:
                    assert_failure(reply, "store_unavailable")
                elif request["op"] == "REFRESH":
                    tokens = reply
            wrong = connection.ask({**login, "password": "not the password"})
            assert wrong["ok"] is False and wrong["error"] in ("invalid_credentials", "store_unavailable")
            # What needs no disk goes on.
            assert_ok(other.call("VERIFY", token=tokens["access_token"]), "claims")
            assert_ok(other.call("AUTHORIZE", token=tokens["access_token"], roles=["user"]), "claims")
            assert_failure(other.call("VERIFY", token="x"), "token_invalid")
            write()
        disk.empty()
        eventually(lambda: not write(), "a REGISTER on a disk that has room again")
        assert_ok(connection.ask(login), *PAIR)
        tokens = assert_ok(connection.call("REFRESH", refresh_token=tokens["refresh_token"]), *PAIR)
        assert assert_ok(connection.call("REVOKE", token=tokens["access_token"]), "revoked")["revoked"] is True
    daemon.crash_and_restart()
    with daemon.connect() as connection:
        for request in made:
            assert_ok(connection.call("LOGIN", username=request["username"], password=request["password"]), *PAIR)
        assert_failure(connection.call("VERIFY", token=tokens["access_token"]), "token_revoked")
        # Those whose outcome was unknown: LOGIN tells, as the contract advises.
        for request in refused[:50]:
            login = connection.call("LOGIN", username=request["username"], password=request["password"])
            if not login["ok"]:
                assert_failure(login, "invalid_credentials")
                assert_ok(connection.ask(request), *PAIR)


def test_revocations_on_a_full_disk(make, small_disk):
    """Nobody is told that a token is revoked when it may not be; what is told holds."""
    daemon = make(CHEAP, state=small_disk / "state")
    daemon.state.mkdir(mode=0o700)
    daemon.start()
    disk = FullDisk(small_disk)
    told, refused = [], []
    with daemon.connect() as connection:
        people = [assert_ok(connection.ask(registration()), *PAIR) for _ in range(60)]
        disk.fill()
        for person in people:
            reply = connection.call("REVOKE", token=person["access_token"])
            if reply["ok"]:
                assert reply["revoked"] is True
                assert_failure(connection.call("VERIFY", token=person["access_token"]), "token_revoked")
                told.append(person)
                disk.fill()
            else:
                assert_failure(reply, "store_unavailable")
                refused.append(person)
                if len(refused) == 5:
                    break
        assert refused, "the disk is full, and every revocation was stored"
        disk.empty()
        # It may be repeated, as the contract advises; and what is acknowledged then, in whatever words, holds.
        for person in refused:
            again = {"op": "REVOKE", "token": person["access_token"]}
            eventually(lambda again=again: connection.ask(again)["ok"], "a REVOKE on a disk that has room again")
            assert_failure(connection.call("VERIFY", token=person["access_token"]), "token_revoked")
    daemon.crash_and_restart()
    with daemon.connect() as connection:
        for person in told + refused:
            assert_failure(connection.call("VERIFY", token=person["access_token"]), "token_revoked")


def test_a_reuse_on_a_full_disk(make, small_disk):
    """A session that ought to be ended, and cannot be in the store, is blocked in memory at once."""
    daemon = make(CHEAP, state=small_disk / "state")
    daemon.state.mkdir(mode=0o700)
    daemon.start()
    disk = FullDisk(small_disk)
    with daemon.connect() as connection:
        sessions = []
        for _ in range(20):
            first = assert_ok(connection.ask(registration()), *PAIR)
            second = assert_ok(connection.call("REFRESH", refresh_token=first["refresh_token"]), *PAIR)
            sessions.append((first, assert_ok(connection.call("REFRESH", refresh_token=second["refresh_token"]), *PAIR)))
        disk.fill()
        for first, last in sessions:
            reply = connection.call("REFRESH", refresh_token=first["refresh_token"])
            assert reply["ok"] is False and reply["error"] in ("refresh_token_reused", "store_unavailable")
            for token in (first["access_token"], last["access_token"]):
                assert_failure(connection.call("VERIFY", token=token), "token_revoked")
            if reply["error"] == "store_unavailable":
                break
            disk.fill()
        else:
            raise AssertionError("the disk is full, and every end was stored")
        disk.empty()

        def told():
            reply = connection.call("REFRESH", refresh_token=last["refresh_token"])
            assert reply["ok"] is False and reply["error"] in ("store_unavailable", "token_revoked")
            return reply["error"] == "token_revoked"

        eventually(told, "the end of the session")
        assert_failure(connection.call("VERIFY", token=last["access_token"]), "token_revoked")
    daemon.crash_and_restart()
    with daemon.connect() as connection:
        for token in (first["access_token"], last["access_token"]):
            assert_failure(connection.call("VERIFY", token=token), "token_revoked")
        assert_failure(connection.call("REFRESH", refresh_token=last["refresh_token"]), "token_revoked")


def test_the_state_folder_can_be_moved_while_it_is_stopped(make):
    daemon = make(secrets=False).start()
    with daemon.connect() as connection:
        request = registration()
        tokens = assert_ok(connection.ask(request), *PAIR)
    daemon.stop()
    moved = daemon.folder / "elsewhere"
    shutil.move(daemon.state, moved)
    daemon.state = moved
    assert os.listdir(moved)
    daemon.start()
    with daemon.connect() as connection:
        assert_ok(connection.call("VERIFY", token=tokens["access_token"]), "claims")
        assert_ok(connection.call("LOGIN", username=request["username"], password=request["password"]), *PAIR)


# A state folder that is taken away from under the daemon


def gone(daemon, how):
    match how:
        case "folder removed":
            shutil.rmtree(daemon.state)
        case "folder moved":
            daemon.state.rename(daemon.folder / "elsewhere")
        case "folder replaced":
            daemon.state.rename(daemon.folder / "elsewhere")
            shutil.copytree(daemon.folder / "elsewhere", daemon.state)
        case "database removed":
            daemon.database().unlink()
        case "database replaced":
            file = daemon.database()
            shutil.copy(file, file.with_suffix(".copy"))
            file.with_suffix(".copy").rename(file)


@pytest.mark.parametrize("how", ["folder removed", "folder moved", "folder replaced", "database removed", "database replaced"])
def test_nothing_is_acknowledged_that_a_restart_would_lose(make, how):
    daemon = make().start()
    with daemon.connect() as connection:
        person = Person(connection)
        gone(daemon, how)
        for _ in range(3):
            assert_failure(connection.ask(registration()), "store_unavailable")
            assert_failure(connection.call("REFRESH", refresh_token=person.refresh), "store_unavailable")
            assert_failure(connection.call("LOGIN", username=person.username, password=person.password), "store_unavailable")
        # In force at once all the same, and told as not done.
        assert_ok(connection.call("VERIFY", token=person.access), "claims")
        assert_failure(connection.call("REVOKE", token=person.access), "store_unavailable")
        assert_failure(connection.call("VERIFY", token=person.access), "token_revoked")
    daemon.stderr.wait_for(lambda line: "moved, removed or replaced under the running daemon" in line)
    assert daemon.stop() == 0


def test_a_state_folder_that_comes_back(make):
    daemon = make().start()
    with daemon.connect() as connection:
        person = Person(connection)
        elsewhere = daemon.state.rename(daemon.folder / "elsewhere")
        assert_failure(connection.ask(registration()), "store_unavailable")
        elsewhere.rename(daemon.state)
        assert_ok(connection.call("REVOKE", token=person.access), "revoked")
        other = Person(connection)
    daemon.stderr.wait_for(lambda line: "The store works again" in line)
    daemon.crash_and_restart()
    with daemon.connect() as connection:
        assert_failure(connection.call("VERIFY", token=person.access), "token_revoked")
        other.login(connection)
        person.login(connection)


@pytest.mark.parametrize("comes_back", [True, False])
def test_what_holds_in_memory_alone_when_it_is_stopped(make, comes_back):
    daemon = make().start()
    with daemon.connect() as connection:
        person, other = Person(connection), Person(connection)
        elsewhere = daemon.state.rename(daemon.folder / "elsewhere")
        assert_failure(connection.ask(registration()), "store_unavailable")
        assert_failure(connection.call("REVOKE", token=person.access), "store_unavailable")
        assert_failure(connection.call("REVOKE", token=other.refresh), "store_unavailable")
    if comes_back:
        elsewhere.rename(daemon.state)
    assert daemon.stop() == 0
    lost = [line for line in daemon.stderr.text().splitlines() if "could not be written" in line]
    if comes_back:
        assert not lost
    else:
        assert len(lost) == 1 and "2 revocations" in lost[0]
        assert f"token {parts(person.access)[1]['jti']}" in lost[0] and f"session {parts(other.access)[1]['sid']}" in lost[0]
        elsewhere.rename(daemon.state)
    daemon.start()
    with daemon.connect() as connection:
        for token in (person.access, other.access):
            reply = connection.call("VERIFY", token=token)
            if comes_back:
                assert_failure(reply, "token_revoked")
            else:
                assert_ok(reply, "claims")
