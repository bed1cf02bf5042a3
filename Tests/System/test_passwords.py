"""PASSWORD, RECOVER, RESET and CONFIRM: what ends, what goes on, and what a crash leaves."""

import contextlib
import sqlite3
import threading
import time

import pytest

from .connection import assert_failure, assert_ok
from .people import PAIR, Person, fresh_name, registration


@pytest.fixture(scope="module")
def daemon(make_shared):
    return make_shared().start()


NEW = "battery staple"


def change(connection, person, new=NEW, **members):
    return connection.ask({"op": "PASSWORD", "token": person.access, "password": person.password, "new_password": new, **members})


def recovered(connection, person):
    reply = assert_ok(connection.call("RECOVER", email=person.email), "reset_token", "expires_in", "email")
    assert reply["email"] == person.email and reply["expires_in"] == 1_800 and len(reply["reset_token"]) == 43
    return reply["reset_token"]


def reset(connection, token, new=NEW):
    return connection.call("RESET", reset_token=token, new_password=new)


def login(connection, person, password):
    return connection.call("LOGIN", username=person.username, password=password)


def is_over(connection, reply):
    assert_failure(connection.call("VERIFY", token=reply["access_token"]), "token_revoked")
    assert_failure(connection.call("REFRESH", refresh_token=reply["refresh_token"]), "token_revoked")


def works(connection, person, password):
    assert_ok(login(connection, person, password), *PAIR)


# PASSWORD


def test_a_password_is_changed(connection, person):
    other = person.reply
    person.login(connection)
    assert assert_ok(change(connection, person), "sessions_ended")["sessions_ended"] == 1
    is_over(connection, other)
    assert_ok(connection.call("VERIFY", token=person.access), "claims")
    person.rotate(connection)
    assert_failure(login(connection, person, person.password), "invalid_credentials")
    works(connection, person, NEW)


def test_a_password_is_not_changed_without_the_present_one(connection, person):
    for wrong in ("not the password", "", person.password + " ", person.password.upper()):
        assert_failure(change(connection, person, password=wrong), "invalid_credentials")
    assert_failure(change(connection, person, "short"), "weak_password", reason="too_short")
    assert_failure(change(connection, person, token=person.refresh), "token_invalid")
    works(connection, person, person.password)


def test_of_two_changes_at_once_one_is_granted(daemon, person):
    """Each would end the other's session, too."""
    with daemon.connect() as connection:
        here, there = person.reply, person.login(connection)
    replies = {}
    barrier = threading.Barrier(2)

    def ask(token, new):
        with daemon.connect() as connection:
            barrier.wait()
            replies[new] = connection.call("PASSWORD", token=token, password=person.password, new_password=new)

    threads = [threading.Thread(target=ask, args=(reply["access_token"], new)) for reply, new in ((here, "the first one"), (there, "the second one"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    granted = [new for new, reply in replies.items() if reply["ok"]]
    assert len(granted) == 1, replies
    (refused,) = (reply for reply in replies.values() if not reply["ok"])
    # Its session may have ended before it was even looked at.
    assert refused["error"] in ("invalid_credentials", "token_revoked")
    with daemon.connect() as connection:
        for new in replies:
            assert login(connection, person, new)["ok"] is (new in granted)


# RECOVER and RESET


def test_a_forgotten_password(connection, person):
    others = [person.reply, person.login(connection)]
    token = recovered(connection, person)
    done = assert_ok(reset(connection, token), "user", "sessions_ended")
    assert done["sessions_ended"] == 2 and done["user"]["email_verified"] is True
    for other in others:
        is_over(connection, other)
    assert_failure(login(connection, person, person.password), "invalid_credentials")
    works(connection, person, NEW)
    assert_failure(reset(connection, token, "yet another"), "token_invalid")


def test_nobody_is_recovered(connection):
    assert connection.call("RECOVER", email="nobody@example.org") == {"ok": True, "reset_token": None}
    assert_failure(connection.call("RECOVER", email="nobody"), "invalid_field", field="email")
    assert_failure(reset(connection, "a" * 43), "token_invalid")


def test_of_two_resets_at_once_one_is_granted(connection, person):
    token = recovered(connection, person)
    passwords = [f"password number {number}" for number in range(8)]
    requests = [{"op": "RESET", "reset_token": token, "new_password": password, "id": password} for password in passwords]
    replies = connection.pipeline(requests)
    granted = [reply["id"] for reply in replies if reply["ok"]]
    assert len(granted) == 1
    for reply in replies:
        if not reply["ok"]:
            assert_failure(reply, "token_invalid")
    for password in passwords:
        assert login(connection, person, password)["ok"] is (password in granted)


def test_a_token_expires(make):
    daemon = make({"account": {"reset_expiry": "1s", "confirmation_expiry": "1s"}}).start()
    with daemon.connect() as connection:
        person = Person(connection)
        token = connection.call("RECOVER", email=person.email)["reset_token"]
        confirmation = connection.call("CONFIRM", token=person.access)["confirmation_token"]
        time.sleep(1.1)
        assert_failure(connection.call("CONFIRM", confirmation_token=confirmation), "token_expired")
        assert_failure(reset(connection, token), "token_expired")
        works(connection, person, person.password)


def test_the_database_holds_no_token(make):
    daemon = make().start()
    with daemon.connect() as connection:
        person = Person(connection)
        tokens = [recovered(connection, person), connection.call("CONFIRM", token=person.access)["confirmation_token"]]
    daemon.stop()
    with contextlib.closing(sqlite3.connect(daemon.database())) as database:
        assert database.execute("SELECT count(*) FROM one_time_tokens").fetchone() == (2,)
    for file in daemon.state.rglob("*"):
        if file.is_file():
            assert not any(token.encode() in file.read_bytes() for token in tokens), file
    assert not any(token in daemon.stderr.text() for token in tokens)
    # They outlast the restart all the same.
    daemon.start()
    with daemon.connect() as connection:
        assert_ok(connection.call("CONFIRM", confirmation_token=tokens[1]), "user")
        assert_ok(reset(connection, tokens[0]), "user", "sessions_ended")


# A crash


@pytest.mark.parametrize("op", ["PASSWORD", "RESET"])
def test_what_was_acknowledged_holds_after_a_crash(make, op):
    daemon = make({"password": {"queue": 1_000}}).start()
    with daemon.connect() as connection:
        people = [Person(connection) for _ in range(20)]
        others = [connection.call("LOGIN", username=person.username, password=person.password) for person in people]
        tokens = [recovered(connection, person) for person in people]
        requests = [
            {"op": "PASSWORD", "token": person.access, "password": person.password, "new_password": NEW, "id": number}
            if op == "PASSWORD"
            else {"op": "RESET", "reset_token": token, "new_password": NEW, "id": number}
            for number, (person, token) in enumerate(zip(people, tokens))
        ]
        connection.send(*requests)
        # Some are under way when it is killed.
        acknowledged = [assert_ok(connection.read_reply())["id"] for _ in range(12)]
        daemon.kill9()
    daemon.start()
    with daemon.connect() as connection:
        for number, (person, other, token) in enumerate(zip(people, others, tokens)):
            was_changed = login(connection, person, NEW)["ok"]
            # One or the other, whatever was acknowledged: it is one transaction.
            assert login(connection, person, person.password)["ok"] is not was_changed
            assert was_changed or number not in acknowledged
            if not was_changed:
                assert_ok(connection.call("VERIFY", token=other["access_token"]), "claims")
                continue
            is_over(connection, other)
            if op == "PASSWORD":
                person.rotate(connection)
            else:
                is_over(connection, person.reply)
            assert_failure(reset(connection, token, "yet another"), "token_invalid")


# CONFIRM


def test_an_email_is_confirmed(connection, person):
    for members in ({"token": person.access}, {"authorization": f"Bearer {person.access}"}, {"email": person.email.upper()}):
        reply = assert_ok(connection.call("CONFIRM", **members), "confirmation_token", "expires_in", "email")
        assert reply["email"] == person.email and reply["expires_in"] == 86_400
    token = reply["confirmation_token"]
    assert_failure(reset(connection, token), "token_invalid")
    assert assert_ok(connection.call("CONFIRM", confirmation_token=token), "user")["user"]["email_verified"] is True
    assert_failure(connection.call("CONFIRM", confirmation_token=token), "token_invalid")
    assert person.rotate(connection)["user"]["email_verified"] is True
    for members in ({"token": person.access}, {"email": person.email}, {"email": "nobody@example.org"}):
        assert connection.call("CONFIRM", **members) == {"ok": True, "confirmation_token": None}
    assert_failure(connection.call("CONFIRM"), "missing_field", field="confirmation_token")
    assert_failure(connection.call("CONFIRM", token=person.access, email=person.email), "invalid_field", field="confirmation_token")


def test_where_the_email_must_be_confirmed(make):
    daemon = make({"account": {"require_confirmed_email": True}}).start()
    with daemon.connect() as connection:
        request = registration()
        registered = assert_ok(connection.ask(request), "user", "confirmation_token", "confirmation_expires_in")
        assert registered["confirmation_expires_in"] == 86_400
        enter = {"op": "LOGIN", "username": request["username"], "password": request["password"]}
        assert_failure(connection.ask(enter), "email_unconfirmed")
        assert_failure(connection.ask({**enter, "password": "not the password"}), "invalid_credentials")
        token = connection.call("CONFIRM", email=request["email"])["confirmation_token"]
        daemon.crash_and_restart()
    with daemon.connect() as connection:
        assert_ok(connection.call("CONFIRM", confirmation_token=token), "user")
        assert_failure(connection.call("CONFIRM", confirmation_token=registered["confirmation_token"]), "token_invalid")
        assert_ok(connection.ask(enter), *PAIR)
        # Whoever has forgotten the password shows by the reset that the email is theirs.
        other = registration(username=fresh_name())
        assert_ok(connection.ask(other))
        token = connection.call("RECOVER", email=other["email"])["reset_token"]
        assert_ok(reset(connection, token), "user", "sessions_ended")
        assert_ok(connection.call("LOGIN", username=other["username"], password=NEW), *PAIR)
