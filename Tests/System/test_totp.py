"""Second factors: TOTP, recovery codes, and the two steps of a login."""

import base64
import contextlib
import itertools
import os
import sqlite3
import threading
import time
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from .connection import assert_failure, assert_ok
from .daemon import JWT_SECRET, REFRESH_SECRET
from .people import PAIR, Person
from .tokens import parts
from .totp import Authenticator, challenge, code, enrol, step

DATA_KEY = "tests-data-key-0123456789-abcdefghijklmnopqrstuvwxyz"


@pytest.fixture
def secured(connection):
    """A person with a second factor: the person, the authenticator, and the recovery codes."""
    person = Person(connection)
    return person, *enrol(connection, person)


def complete(connection, challenge, code, **members):
    return connection.call("LOGIN", challenge=challenge, code=code, **members)


def test_enrolling(connection, person):
    reply = assert_ok(connection.call("TOTP", action="enrol", token=person.access, password=person.password), "secret", "otpauth")
    assert len(base64.b32decode(reply["secret"])) == 20
    uri = urlsplit(reply["otpauth"])
    assert (uri.scheme, uri.netloc, unquote(uri.path)) == ("otpauth", "totp", f"/usher:{person.username}")
    assert parse_qs(uri.query) == {"secret": [reply["secret"]], "issuer": ["usher"], "algorithm": ["SHA1"], "digits": ["6"], "period": ["30"]}
    # Not in force yet.
    person.login(connection)
    again = connection.call("TOTP", action="enrol", token=person.access, password=person.password)
    assert again["secret"] != reply["secret"]
    assert_failure(connection.call("TOTP", action="confirm", token=person.access, code=Authenticator(reply["secret"]).next()), "invalid_credentials")
    assert_ok(connection.call("TOTP", action="confirm", token=person.access, code=Authenticator(again["secret"]).next()), "enabled", "recovery_codes")
    assert_failure(connection.call("TOTP", action="enrol", token=person.access, password=person.password), "invalid_field", field="action")
    assert_failure(connection.call("LOGIN", login=person.username, password=person.password), "otp_required")


def test_the_two_steps(make):
    daemon = make({"token": {"audiences": ["usher", "shop"]}}).start()
    with daemon.connect() as connection:
        person = Person(connection)
        authenticator, _ = enrol(connection, person)
        before = connection.call("REFRESH", refresh_token=person.refresh)["user"]["last_login_at"]
        first = assert_failure(connection.call("LOGIN", login=person.username, password=person.password, audience="shop"), "otp_required")
        assert first["expires_in"] == 300
        for op, member in (("VERIFY", "token"), ("REFRESH", "refresh_token"), ("AUTHORIZE", "token")):
            assert_failure(connection.call(op, **{member: first["challenge"]}, roles=["user"]), "token_invalid")
        assert_failure(connection.call("LOGIN", login=person.username, password="wrong"), "invalid_credentials")
        assert_failure(complete(connection, first["challenge"], authenticator.wrong()), "invalid_credentials")
        reply = assert_ok(complete(connection, first["challenge"], authenticator.next(), client={"ip": "192.0.2.7"}), *PAIR)
        assert parts(reply["access_token"])[1]["aud"] == "shop"
        assert before is None and reply["user"]["last_login_at"] >= time.time() - 60
        assert_ok(connection.call("VERIFY", token=reply["access_token"], audience="shop"), "claims")
        assert_ok(connection.call("REFRESH", refresh_token=reply["refresh_token"]), *PAIR)


def test_sessions_go_on(connection, person):
    other = person.login(connection)
    enrol(connection, person)
    assert_ok(connection.call("VERIFY", token=other["access_token"]), "claims")
    assert_ok(connection.call("REFRESH", refresh_token=other["refresh_token"]), *PAIR)


def test_a_code_is_good_once(connection, secured):
    person, authenticator, _ = secured
    first, second = challenge(connection, person), challenge(connection, person)
    used = authenticator.next()
    assert_ok(complete(connection, first, used), *PAIR)
    for again in (first, second):
        assert_failure(complete(connection, again, used), "invalid_credentials")
    # Nor is one of a step before.
    assert_failure(complete(connection, second, code(authenticator.secret, authenticator.used - 1)), "invalid_credentials")
    assert_ok(complete(connection, second, authenticator.next()), *PAIR)


def test_a_code_of_another_time_is_none(connection, person):
    secret = connection.call("TOTP", action="enrol", token=person.access, password=person.password)["secret"]
    # Two away could become one if a step ended meanwhile.
    for steps in (-3, 3):
        assert_failure(connection.call("TOTP", action="confirm", token=person.access, code=code(secret, step() + steps)), "invalid_credentials")
    assert_ok(connection.call("TOTP", action="confirm", token=person.access, code=code(secret, step())), "enabled", "recovery_codes")


@pytest.mark.parametrize("kind", ["code", "recovery code"])
def test_of_many_at_once_one_wins(daemon, connection, secured, kind):
    person, authenticator, recovery = secured
    codes = challenge(connection, person), authenticator.next() if kind == "code" else recovery[0]
    replies, gate = [], threading.Barrier(8)

    def attempt():
        with daemon.connect() as own:
            gate.wait()
            replies.append(complete(own, *codes))

    threads = [threading.Thread(target=attempt) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(reply["ok"] for reply in replies) == 1
    # After five that came too late the others are not looked at any more.
    allowed = {"invalid_credentials", "rate_limited"} if kind == "code" else {"invalid_credentials"}
    assert {reply["error"] for reply in replies if not reply["ok"]} <= allowed


def test_recovery_codes(connection, secured):
    person, _, recovery = secured
    assert len(set(recovery)) == 10
    waiting = challenge(connection, person)
    for number, text in enumerate(recovery[:3]):
        text = [text, text.upper(), text.replace("-", " ")][number]
        person.take(complete(connection, waiting, text))
        assert_failure(complete(connection, waiting, text), "invalid_credentials")
    assert connection.call("TOTP", action="status", token=person.access)["recovery_codes_left"] == 7
    newer = connection.call("TOTP", action="recovery_codes", token=person.access, password=person.password, code=recovery[3])["recovery_codes"]
    assert_failure(complete(connection, waiting, recovery[4]), "invalid_credentials")
    assert_ok(complete(connection, waiting, newer[4]), *PAIR)


def test_disabling_takes_both(connection, secured):
    person, authenticator, recovery = secured
    disable = {"action": "disable", "token": person.access}
    assert_failure(connection.call("TOTP", **disable, password=person.password), "missing_field", field="code")
    assert_failure(connection.call("TOTP", **disable, code=recovery[0]), "missing_field", field="password")
    assert_failure(connection.call("TOTP", **disable, password=person.password, code=authenticator.wrong()), "invalid_credentials")
    assert_failure(connection.call("TOTP", **disable, password="wrong", code=recovery[0]), "invalid_credentials")
    reply = assert_ok(connection.call("TOTP", **disable, password=person.password, code=recovery[0]), "enabled", "recovery_codes_left")
    assert (reply["enabled"], reply["recovery_codes_left"]) == (False, 0)
    person.login(connection)
    enrol(connection, person)


def test_guesses_wait(connection, secured):
    person, authenticator, recovery = secured
    waiting = challenge(connection, person)
    for _ in range(5):
        assert_failure(complete(connection, waiting, authenticator.wrong()), "invalid_credentials")
    # With another challenge, too, and for TOTP.
    for again in (waiting, challenge(connection, person)):
        reply = assert_failure(complete(connection, again, authenticator.next()), "rate_limited")
        assert 0 < reply["retry_after"] <= 30
    assert_failure(connection.call("TOTP", action="disable", token=person.access, password=person.password, code="123456"), "rate_limited")
    # Who has a recovery code is not kept out.
    assert_ok(complete(connection, waiting, recovery[0]), *PAIR)
    assert_failure(complete(connection, waiting, authenticator.wrong()), "invalid_credentials")


def test_it_survives_restarts(make):
    daemon = make().start()
    with daemon.connect() as connection:
        person = Person(connection)
        authenticator, recovery = enrol(connection, person)
        waiting = challenge(connection, person)
        used = authenticator.next()
        assert_ok(complete(connection, waiting, used), *PAIR)
        assert_ok(complete(connection, waiting, recovery[0]), *PAIR)
    daemon.crash_and_restart()
    with daemon.connect() as connection:
        for old in (used, recovery[0]):
            assert_failure(complete(connection, waiting, old), "invalid_credentials")
        for _ in range(3):
            assert_failure(complete(connection, waiting, authenticator.wrong()), "invalid_credentials")
    daemon.restart()
    with daemon.connect() as connection:
        # Four wrong ones in a row so far: the used code was one of them.
        assert_failure(complete(connection, waiting, authenticator.wrong()), "invalid_credentials")
        assert_failure(complete(connection, waiting, authenticator.next()), "rate_limited")
        assert_ok(complete(connection, waiting, recovery[1]), *PAIR)


def test_other_token_secrets_keep_it(make):
    daemon = make().start()
    with daemon.connect() as connection:
        person = Person(connection)
        authenticator, recovery = enrol(connection, person)
        old = challenge(connection, person)
    daemon.stop()
    daemon.env |= {"JWT_SECRET": JWT_SECRET[::-1], "REFRESH_TOKEN_SECRET": REFRESH_SECRET[::-1]}
    daemon.start()
    with daemon.connect() as connection:
        assert_failure(complete(connection, old, authenticator.next()), "token_invalid")
        waiting = challenge(connection, person)
        assert_ok(complete(connection, waiting, authenticator.next()), *PAIR)
        assert_ok(complete(connection, waiting, recovery[0]), *PAIR)


# The data key


def refuses(daemon, *words):
    status, said = daemon.refused()
    assert status == 1 and DATA_KEY not in said
    for word in words:
        assert word in said, said
    return said


def test_another_data_key_is_refused_and_the_right_one_is_not(make):
    daemon = make(env={"USHER_DATA_KEY": DATA_KEY}).start()
    assert not (daemon.state / "data-key").exists()
    with daemon.connect() as connection:
        person = Person(connection)
        authenticator, recovery = enrol(connection, person)
    daemon.stop()
    for env in ({"USHER_DATA_KEY": DATA_KEY[::-1]}, {}):
        daemon.env = env
        refuses(daemon, "usher.db", "second factors", "data-key")
    daemon.env = {"USHER_DATA_KEY": DATA_KEY}
    daemon.start()
    with daemon.connect() as connection:
        assert_ok(complete(connection, challenge(connection, person), authenticator.next()), *PAIR)
    daemon.stop()

    # Where it is lost, what the manual says: codes are none any more, and that is told; recovery codes are good.
    with contextlib.closing(sqlite3.connect(daemon.database())) as database, database:
        database.execute("DELETE FROM data_key")
    daemon.env = {}
    daemon.start()
    with daemon.connect() as connection:
        waiting = challenge(connection, person)
        assert_failure(complete(connection, waiting, authenticator.next()), "internal")
        person.take(complete(connection, waiting, recovery[0]))
        assert_ok(connection.call("TOTP", action="disable", token=person.access, password=person.password, code=recovery[1]), "enabled", "recovery_codes_left")
        authenticator, _ = enrol(connection, person)
        assert_ok(complete(connection, challenge(connection, person), authenticator.next()), *PAIR)
    assert "another data key" in daemon.stderr.text()


def test_a_database_is_of_no_use_without_the_key(make):
    daemon = make(env={"USHER_DATA_KEY": DATA_KEY}).start()
    with daemon.connect() as connection:
        person = Person(connection)
        authenticator, recovery = enrol(connection, person)
    daemon.stop()
    secret = base64.b32decode(authenticator.secret)
    plain = [secret, authenticator.secret.encode(), DATA_KEY.encode(), *(text.encode() for text in recovery), *(text.replace("-", "").encode() for text in recovery)]
    for file in daemon.state.rglob("*"):
        content = file.read_bytes() if file.is_file() else b""
        assert not any(word in content for word in plain), file
    said = daemon.stderr.text()
    assert authenticator.secret not in said and not any(text in said for text in recovery)


def test_a_sealed_secret_is_of_one_user(make):
    daemon = make().start()
    with daemon.connect() as connection:
        thief, victim = Person(connection), Person(connection)
        stolen, _ = enrol(connection, thief)
        enrol(connection, victim)
    daemon.stop()
    with contextlib.closing(sqlite3.connect(daemon.database())) as database, database:
        secrets = "SELECT secret FROM second_factors JOIN users ON id = user WHERE username = ?"
        (secret,) = database.execute(secrets, (thief.username,)).fetchone()
        database.execute("UPDATE second_factors SET secret = ?, last_step = 0 WHERE user = (SELECT id FROM users WHERE username = ?)", (secret, victim.username))
    daemon.start()
    with daemon.connect() as connection:
        assert_failure(complete(connection, challenge(connection, victim), stolen.next()), "internal")


def test_the_data_key_is_made_once(make):
    daemon = make().start()
    file = daemon.state / "data-key"
    content = file.read_bytes()
    assert len(content) >= 32 and file.stat().st_mode & 0o777 == 0o600 and file.stat().st_uid == os.geteuid()
    daemon.restart()
    assert file.read_bytes() == content


def test_which_data_keys_are_refused(make, folder):
    refuses(make(env={"USHER_DATA_KEY": "x" * 31}), "USHER_DATA_KEY", "31 bytes", "AES-256 needs at least 32")
    make(env={"USHER_DATA_KEY": "x" * 32}).start().stop()
    for other in (JWT_SECRET, REFRESH_SECRET):
        refuses(make(env={"USHER_DATA_KEY": other}), "data key", "same")
    numbers = itertools.count()
    for content in (b"y" * 31 + b"\n", b"y" * 40 + b"\0"):
        directory = folder / str(next(numbers))
        directory.mkdir()
        (directory / "data-key").write_bytes(content)
        (directory / "data-key").chmod(0o400)
        directory.chmod(0o500)
        refuses(make(env={"CREDENTIALS_DIRECTORY": str(directory)}), "The credential data-key")


def test_the_journal_tells_what_happened(make):
    daemon = make().start()
    with daemon.connect() as connection:
        person = Person(connection)
        authenticator, recovery = enrol(connection, person)
        waiting = challenge(connection, person)
        complete(connection, waiting, authenticator.wrong())
        complete(connection, waiting, recovery[0])
        connection.call("TOTP", action="disable", token=person.access, password=person.password, code=recovery[1])
    daemon.stop()
    said = daemon.stderr.text()
    for line in ("LOGIN refused: otp_required", "the password was right, the code was not", "by a recovery code", person.username):
        assert line in said, said
    assert waiting not in said and not any(text in said for text in recovery)
