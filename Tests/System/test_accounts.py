"""
What an account may be besides what REGISTER makes of it: disabled, with permissions and claims of its own, with a hash from elsewhere.
The tests write into the database of a daemon that is stopped, so that also what no operation would set can be tried.
"""

import contextlib
import ctypes
import ctypes.util
import json
import sqlite3

import pytest

from .connection import assert_failure, assert_ok
from .people import PAIR, Person
from .tokens import parts


def stored(daemon, person, **columns):
    """Stops the daemon, changes the account, and starts it again."""
    assert daemon.stop() == 0
    with contextlib.closing(sqlite3.connect(daemon.database())) as database, database:
        for column, value in columns.items():
            changed = database.execute(f"UPDATE users SET {column} = ? WHERE username = ?", (value, person.username)).rowcount
            assert changed == 1
    daemon.start()


def stored_hash(daemon, person):
    assert daemon.stop() == 0
    with contextlib.closing(sqlite3.connect(daemon.database())) as database:
        (value,) = database.execute("SELECT password_hash FROM users WHERE username = ?", (person.username,)).fetchone()
    daemon.start()
    return value


@pytest.fixture
def own(make):
    """A daemon of the test's own."""
    return make().start()


def test_a_disabled_account(own):
    with own.connect() as connection:
        person = Person(connection)
    stored(own, person, disabled=1)
    with own.connect() as connection:
        for name in ({"username": person.username}, {"email": person.email}, {"login": person.username}):
            assert_failure(connection.call("LOGIN", password=person.password, **name), "account_disabled")
            # Only who has the password is told.
            assert_failure(connection.call("LOGIN", password="not the password", **name), "invalid_credentials")
        assert_failure(connection.call("REFRESH", refresh_token=person.refresh), "account_disabled")
        # That ended the session.
        assert_failure(connection.call("REFRESH", refresh_token=person.refresh), "token_revoked")
        assert_failure(connection.call("VERIFY", token=person.access), "token_revoked")
    stored(own, person, disabled=0)
    with own.connect() as connection:
        assert_failure(connection.call("REFRESH", refresh_token=person.refresh), "token_revoked")
        assert_ok(person.login(connection), *PAIR)


def test_permissions_and_claims_go_into_tokens(own):
    with own.connect() as connection:
        person = Person(connection)
    claims = {"department": "R&D \"ü\"", "level": 3, "tags": ["a", None]}
    permissions = ["post:*", 'od"d\\é']
    stored(own, person, role="editor", permissions=json.dumps(permissions, ensure_ascii=False, separators=(",", ":")),
           claims=json.dumps(claims, ensure_ascii=False, separators=(",", ":")), email_verified=1)
    with own.connect() as connection:
        for renew in (person.rotate, person.login):
            user = renew(connection)["user"]
            assert user["role"] == "editor" and user["permissions"] == permissions
            assert user["claims"] == claims and user["email_verified"] is True
            token = assert_ok(connection.call("AUTHORIZE", token=person.access, roles=["editor"], permissions=["post:edit", permissions[1]]))["claims"]
            assert token == parts(person.access)[1]
            assert token["role"] == "editor" and token["permissions"] == permissions
            for name, value in claims.items():
                assert token[name] == value
            assert len(person.access) <= 3_500


@pytest.mark.parametrize("chosen", [[], ["username"], ["email"], ["claims"], ["username", "claims"]])
def test_which_personal_claims_go_into_tokens_is_a_setting(make, chosen):
    daemon = make({"token": {"personal_claims": chosen}}).start()
    with daemon.connect() as connection:
        person = Person(connection)
    stored(daemon, person, claims='{"department":"R&D"}')
    with daemon.connect() as connection:
        person.login(connection)
        claims = parts(person.access)[1]
        assert ("username" in claims) is ("username" in chosen)
        assert ("email" in claims) is ("email" in chosen)
        assert ("department" in claims) is ("claims" in chosen)
        # The user object has all of them all the same.
        assert person.user["username"] == person.username and person.user["claims"] == {"department": "R&D"}
        assert_ok(connection.call("VERIFY", token=person.access), "claims")


_crypt = ctypes.CDLL(ctypes.util.find_library("crypt") or "libcrypt.so.1")
_crypt.crypt.restype = _crypt.crypt_gensalt.restype = ctypes.c_char_p
_crypt.crypt_gensalt.argtypes = [ctypes.c_char_p, ctypes.c_ulong, ctypes.c_char_p, ctypes.c_int]


def hashed(password, prefix, cost):
    salt = _crypt.crypt_gensalt(prefix.encode(), cost, None, 0)
    made = _crypt.crypt(password.encode(), salt).decode()
    assert made.startswith(prefix)
    return made


@pytest.mark.parametrize("prefix, cost", [("$2a$", 5), ("$2b$", 5), ("$2y$", 5), ("$y$", 1), ("$6$", 5_000), ("$5$", 5_000), ("$7$", 6)])
def test_a_hash_from_elsewhere(own, prefix, cost):
    with own.connect() as connection:
        person = Person(connection)
    person.password = "brought along"
    stored(own, person, password_hash=hashed(person.password, prefix, cost))
    with own.connect() as connection:
        assert_failure(connection.call("LOGIN", username=person.username, password="brought alonG"), "invalid_credentials")
        assert_ok(person.login(connection), *PAIR)
    assert stored_hash(own, person).startswith("$2b$04$")
    with own.connect() as connection:
        assert_ok(person.login(connection), *PAIR)


def test_a_published_hash(own):
    with own.connect() as connection:
        person = Person(connection)
    person.password = "password123"
    stored(own, person, password_hash="$2b$10$RZPhrWQx7kN14VmPLMuMiuLobBrlb5D1XJHrpABdPsCLJK9kpbWLa")
    with own.connect() as connection:
        assert_ok(person.login(connection), *PAIR)


@pytest.mark.parametrize(
    "hash_", ["", "x", "*0", "*", "!", "plain text", "abcdefghijklm", "$1$saltsalt$qjXMvbEw8oaL.CzflDtaK/", "$", "$2b$", "$2b$04$", "$2x$04$abc", "$y$", "$6$", "$gy$j9T$a$b"])
def test_a_hash_of_no_allowed_scheme_lets_nobody_in(own, hash_):
    with own.connect() as connection:
        person = Person(connection)
    stored(own, person, password_hash=hash_)
    with own.connect() as connection:
        for password in (person.password, "plain text", "", "x", hash_ or "empty"):
            reply = connection.call("LOGIN", username=person.username, password=password)
            assert reply["ok"] is False and reply["error"] in ("invalid_credentials", "internal")
        # Whatever is wrong with one account, the others log in.
        assert_ok(Person(connection).login(connection), *PAIR)
