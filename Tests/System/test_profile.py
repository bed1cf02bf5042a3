"""What users do with their own accounts: PROFILE, SESSIONS, DELETE."""

import contextlib
import sqlite3
import uuid

import pytest

from .connection import assert_failure, assert_ok
from .people import Person, fresh_name
from .totp import enrol


@pytest.fixture
def own(make):
    """A daemon of the test's own, that lets users set two claims."""
    return make({"account": {"profile_claims": ["department", "level"]}}).start()


def assert_stale(reply):
    assert_failure(reply, "token_revoked", reason="stale")


def test_a_change_holds_at_once_and_after_a_crash(own):
    with own.connect() as connection:
        person, other = Person(connection), Person(connection)
        old = person.access
        user = assert_ok(connection.call("PROFILE", token=old, claims={"department": "R&D", "level": 3}), "user")["user"]
        assert user["claims"] == {"department": "R&D", "level": 3}
        assert_stale(connection.call("VERIFY", token=old))
        assert_ok(connection.call("VERIFY", token=other.access), "claims")
    own.crash_and_restart()
    with own.connect() as connection:
        assert_stale(connection.call("VERIFY", token=old))
        person.rotate(connection)
        claims = assert_ok(connection.call("VERIFY", token=person.access), "claims")["claims"]
        assert claims["department"] == "R&D" and claims["level"] == 3 and claims["ver"] == 1
        assert_ok(connection.call("VERIFY", token=other.access), "claims")


def test_of_many_changes_at_once_none_is_lost(own):
    with own.connect() as connection:
        person = Person(connection)
        connection.pipeline([{"op": "PROFILE", "id": number, "token": person.access, "claims": {"level": number}} for number in range(20)])
        person.rotate(connection)
        level = person.user["claims"]["level"]
        claims = assert_ok(connection.call("VERIFY", token=person.access), "claims")["claims"]
        assert claims["level"] == level


def test_a_deleted_account_stays_deleted(own):
    with own.connect() as connection:
        person = Person(connection)
        assert_failure(connection.call("DELETE", token=person.access, password="not the password"), "invalid_credentials")
        assert connection.call("DELETE", token=person.access, password=person.password)["deleted"] is True
    own.crash_and_restart()
    with own.connect() as connection:
        assert_failure(connection.call("VERIFY", token=person.access), "token_revoked")
        assert_failure(connection.call("REFRESH", refresh_token=person.refresh), "token_revoked")
        assert_failure(connection.call("LOGIN", login=person.username, password=person.password), "invalid_credentials")
        again = Person(connection, username=person.username, email=person.email)
        assert again.user["id"] != person.user["id"]
        assert_failure(connection.call("VERIFY", token=person.access), "token_revoked")


def test_sessions_are_listed_and_ended(own):
    with own.connect() as connection:
        person = Person(connection)
        here = person.access
        person.login(connection, client={"ip": "2001:db8::7", "user_agent": "Firefox"})
        there = person.access
        sessions = assert_ok(connection.call("SESSIONS", token=here), "sessions")["sessions"]
        assert [session["current"] for session in sessions] == [False, True]
        assert sessions[0]["client"] == {"ip": "2001:db8::7", "user_agent": "Firefox"}
        assert connection.call("REVOKE", token=here, session=sessions[0]["id"])["revoked"] is True
        assert_failure(connection.call("VERIFY", token=there), "token_revoked")
    own.crash_and_restart()
    with own.connect() as connection:
        assert_failure(connection.call("VERIFY", token=there), "token_revoked")
        assert len(connection.call("SESSIONS", token=here)["sessions"]) == 1


@pytest.mark.parametrize("name", ["role", "", "sub", "ver"])
def test_what_no_claim_can_be_called_is_refused_at_start(make, name):
    assert "account.profile_claims" in make({"account": {"profile_claims": [name]}}).refused()[1]


def test_a_session_and_the_password_do_not_take_the_second_factor_away(own):
    with own.connect() as connection:
        person = Person(connection)
        confirmation = connection.call("CONFIRM", token=person.access)["confirmation_token"]
        assert_ok(connection.call("CONFIRM", confirmation_token=confirmation), "user")
        authenticator, recovery_codes = enrol(connection, person)

        def move(**more):
            return connection.call("PROFILE", token=person.access, password=person.password, email="mallory@example.org", **more)

        # A RESET by an email that was never confirmed would drop it.
        assert_failure(move(), "missing_field", field="code")
        assert_failure(move(code=authenticator.wrong()), "invalid_credentials")
        assert connection.call("RECOVER", email="mallory@example.org")["reset_token"] is None
        assert_ok(connection.call("VERIFY", token=person.access), "claims")
        assert move(code=recovery_codes[0])["user"]["email"] == "mallory@example.org"
        # It is used up.
        person.rotate(connection)
        assert_failure(
            connection.call("PROFILE", token=person.access, password=person.password, email=person.email, code=recovery_codes[0]),
            "invalid_credentials")
        # What is the same address, and what is none, takes none.
        assert connection.call("PROFILE", token=person.access, username=fresh_name())["ok"]
        person.rotate(connection)
        assert connection.call("PROFILE", token=person.access, password=person.password, email="Mallory@example.org")["ok"]


def test_nothing_of_a_deleted_account_is_left(own):
    with own.connect() as connection:
        person = Person(connection)
        confirmation = connection.call("CONFIRM", token=person.access)["confirmation_token"]
        reset = connection.call("RECOVER", email=person.email)["reset_token"]
        person.login(connection, client={"ip": "192.0.2.5"})
        enrol(connection, person)
        assert_ok(connection.call("DELETE", token=person.access, password=person.password), "deleted")
        assert_failure(connection.call("RESET", reset_token=reset, new_password="another password of theirs"), "token_invalid")
        assert_failure(connection.call("CONFIRM", confirmation_token=confirmation), "token_invalid")
        again = Person(connection, username=person.username, email=person.email, password=person.password)
        again.login(connection)
        assert connection.call("TOTP", action="status", token=again.access)["enabled"] is False
    assert own.stop() == 0
    with contextlib.closing(sqlite3.connect(own.database())) as database:
        for table in ("users", "sessions", "second_factors", "one_time_tokens", "known_addresses"):
            column = "id" if table == "users" else "user"
            rows = database.execute(f"SELECT count(*) FROM {table} WHERE {column} = ?", (uuid.UUID(person.user["id"]).bytes,))
            assert rows.fetchone() == (0,), table
        assert database.execute("PRAGMA foreign_key_check").fetchall() == []
