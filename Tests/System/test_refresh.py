"""REFRESH: rotation, the grace window, reuse, and how long a session lasts."""

import shutil
import threading
import time

import pytest

from .connection import assert_failure, assert_ok
from .daemon import JWT_SECRET, REFRESH_SECRET
from .people import PAIR, Person, lasts_about
from .tokens import ABSENT, b64, parts, resealed, resealed_refresh, seal, unb64


def refresh(connection, token, **members):
    return connection.call("REFRESH", refresh_token=token, **members)


def verify(connection, token):
    return connection.call("VERIFY", token=token)


def assert_ended(connection, refresh_tokens, access_tokens):
    for token in refresh_tokens:
        assert_failure(refresh(connection, token), "token_revoked")
    for token in access_tokens:
        assert_failure(verify(connection, token), "token_revoked")


# Rotation


def test_refresh(connection, person):
    reply = assert_ok(refresh(connection, person.refresh), *PAIR)
    assert reply["token_type"] == "Bearer" and reply["expires_in"] == 900 and lasts_about(reply, 604_800)
    assert reply["user"] == person.user
    old, new = parts(person.access)[1], parts(reply["access_token"])[1]
    assert reply["refresh_token"] != person.refresh
    assert new["jti"] != old["jti"]
    for name in ("iss", "aud", "sub", "sid", "role", "permissions", "username", "email"):
        assert new[name] == old[name]
    # The access token before is not revoked by a refresh.
    assert_ok(verify(connection, person.access), "claims")
    assert_ok(verify(connection, reply["access_token"]), "claims")


def test_refresh_gives_the_user_as_it_is_now(connection):
    person = Person(connection)
    first = person.refresh
    assert person.user["last_login_at"] is None
    login = person.login(connection)
    assert refresh(connection, first)["user"] == login["user"]
    assert login["user"]["last_login_at"] is not None


def test_a_refresh_token_is_a_jwt_of_its_own_kind(person):
    header, _ = parts(person.refresh)
    assert header["typ"] == "rt+jwt" and header["alg"] == "HS256"


def test_many_rotations(connection, person):
    refresh_tokens, access_tokens = {person.refresh}, {person.access}
    for _ in range(30):
        person.rotate(connection)
        refresh_tokens.add(person.refresh)
        access_tokens.add(person.access)
    assert len(refresh_tokens) == len(access_tokens) == 31
    for token in access_tokens:
        assert_ok(verify(connection, token), "claims")


def test_sessions_are_apart(connection):
    person = Person(connection)
    first = person.refresh
    person.login(connection)
    person.rotate(connection)
    assert parts(refresh(connection, first)["access_token"])[1]["sid"] != parts(person.access)[1]["sid"]


# The grace window


def test_within_the_window_the_current_generation_comes_again(connection, person):
    first = person.refresh
    person.rotate(connection)
    second, second_access = person.refresh, person.access
    for _ in range(3):
        reply = assert_ok(refresh(connection, first), *PAIR)
        # Fresh access, and a refresh token that stands for the same generation as the one before.
        assert parts(reply["access_token"])[1]["jti"] != parts(second_access)[1]["jti"]
        assert parts(reply["refresh_token"])[1]["jti"] == parts(second)[1]["jti"]
        assert_ok(verify(connection, reply["access_token"]), "claims")
        again = reply["refresh_token"]
    third = assert_ok(refresh(connection, again), *PAIR)["refresh_token"]
    # Now the second is the one before, whichever copy of it is used.
    assert_ok(refresh(connection, second), *PAIR)
    assert_ok(refresh(connection, third), *PAIR)


def test_a_client_that_races_itself_is_not_logged_out(daemon, connection):
    person = Person(connection)
    for _ in range(3):
        replies, token = [], person.refresh
        barrier = threading.Barrier(10)

        def race(token=token, replies=replies, barrier=barrier):
            with daemon.connect() as own:
                barrier.wait()
                replies.append(refresh(own, token))

        threads = [threading.Thread(target=race) for _ in range(10)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(replies) == 10
        for reply in replies:
            assert_ok(reply, *PAIR)
            assert_ok(verify(connection, reply["access_token"]), "claims")
        assert len({parts(reply["refresh_token"])[1]["jti"] for reply in replies}) == 1
        person.take(replies[3])


def test_pipelined_refreshes_of_one_token(connection, person):
    requests = [{"op": "REFRESH", "refresh_token": person.refresh, "id": n} for n in range(20)]
    for reply in connection.pipeline(requests):
        assert_ok(reply, *PAIR)


def test_a_lost_reply_before_a_crash(make):
    daemon = make().start()
    with daemon.connect() as connection:
        person = Person(connection)
        first = person.refresh
        person.rotate(connection)
    daemon.crash_and_restart()
    with daemon.connect() as connection:
        assert_ok(refresh(connection, first), *PAIR)
        assert_ok(refresh(connection, person.refresh), *PAIR)


def test_a_restart_starts_the_window_anew(make):
    grace = 8
    daemon = make({"token": {"refresh_grace": f"{grace}s"}}).start()
    with daemon.connect() as connection:
        person = Person(connection)
        first = person.refresh
        person.rotate(connection)
    daemon.kill9()
    # Longer down than the window is wide.
    time.sleep(grace + 1)
    daemon.start()
    with daemon.connect() as connection:
        assert_ok(refresh(connection, first), *PAIR)
        assert_ok(refresh(connection, person.refresh), *PAIR)


def test_after_the_window_it_is_reuse(make):
    daemon = make({"token": {"refresh_grace": "1s"}}).start()
    with daemon.connect() as connection:
        person = Person(connection)
        first, first_access = person.refresh, person.access
        person.rotate(connection)
        time.sleep(2.5)
        assert_failure(refresh(connection, first), "refresh_token_reused")
        assert_ended(connection, [first, person.refresh], [first_access, person.access])


# Reuse


def test_reuse_ends_the_session(connection, person):
    tokens = [(person.refresh, person.access)]
    for _ in range(3):
        person.rotate(connection)
        tokens.append((person.refresh, person.access))
    for _, access in tokens:
        assert_ok(verify(connection, access), "claims")
    # Two behind is never grace.
    assert_failure(refresh(connection, tokens[1][0]), "refresh_token_reused")
    assert_ended(connection, [token for token, _ in tokens], [access for _, access in tokens])


def test_reuse_ends_no_other_session(connection):
    person = Person(connection)
    other = person.refresh, person.access
    person.login(connection)
    stale = person.refresh
    person.rotate(connection)
    person.rotate(connection)
    assert_failure(refresh(connection, stale), "refresh_token_reused")
    assert_ok(verify(connection, other[1]), "claims")
    assert_ok(refresh(connection, other[0]), *PAIR)
    person.login(connection)
    assert_ok(verify(connection, person.access), "claims")


@pytest.mark.parametrize("crash", [True, False], ids=["crash", "restart"])
def test_reuse_lasts(make, crash):
    daemon = make().start()
    with daemon.connect() as connection:
        person = Person(connection)
        stale, stale_access = person.refresh, person.access
        person.rotate(connection)
        person.rotate(connection)
        assert_failure(refresh(connection, stale), "refresh_token_reused")
        bystander = Person(connection)
    if crash:
        daemon.crash_and_restart()
    else:
        daemon.restart()
    with daemon.connect() as connection:
        assert_ended(connection, [stale, person.refresh], [stale_access, person.access])
        assert_ok(verify(connection, bystander.access), "claims")
        assert_ok(refresh(connection, bystander.refresh), *PAIR)


def test_a_fresh_access_token_of_a_replay_dies_too(connection, person):
    first = person.refresh
    person.rotate(connection)
    replayed = refresh(connection, first)["access_token"]
    person.rotate(connection)
    person.rotate(connection)
    assert_failure(refresh(connection, first), "refresh_token_reused")
    assert_ended(connection, [person.refresh], [replayed, person.access])


def test_a_store_that_has_gone_back_in_time(make):
    daemon = make().start()
    with daemon.connect() as connection:
        person = Person(connection)
    daemon.stop()
    shutil.copytree(daemon.state, daemon.folder / "backup")
    daemon.start()
    with daemon.connect() as connection:
        old = person.refresh
        person.rotate(connection)
    daemon.stop()
    shutil.rmtree(daemon.state)
    shutil.copytree(daemon.folder / "backup", daemon.state)
    daemon.state.chmod(0o700)
    daemon.start()
    with daemon.connect() as connection:
        mark = len(daemon.stderr)
        assert_failure(refresh(connection, person.refresh), "token_revoked")
        assert_ended(connection, [old, person.refresh], [person.access])
        daemon.stderr.wait_for(lambda line: line.strip(), mark)
        assert_ok(Person(connection).reply, *PAIR)


# How long it lasts


def test_refresh_expiry_slides(connection, person):
    first = parts(person.refresh)[1]["exp"]
    time.sleep(1.1)
    person.rotate(connection)
    assert parts(person.refresh)[1]["exp"] > first
    assert lasts_about(person.reply, 604_800)


def test_session_max_age_does_not(make):
    daemon = make({"token": {"session_max_age": "1h", "refresh_expiry": "2h"}}).start()
    with daemon.connect() as connection:
        person = Person(connection)
        for use in (lambda: None, lambda: person.login(connection)):
            use()
            assert 3_500 < person.reply["refresh_expires_in"] <= 3_600
            ends = parts(person.refresh)[1]["exp"]
            time.sleep(1.1)
            person.rotate(connection)
            assert parts(person.refresh)[1]["exp"] == ends
            assert person.reply["refresh_expires_in"] < 3_600


def test_an_access_token_never_outlives_its_session(make):
    daemon = make({"token": {"session_max_age": "5m"}}).start()
    with daemon.connect() as connection:
        person = Person(connection)
        for use in (lambda: None, lambda: person.rotate(connection), lambda: person.login(connection)):
            use()
            assert person.reply["expires_in"] <= 300 and person.reply["refresh_expires_in"] <= 300
            assert parts(person.access)[1]["exp"] <= parts(person.refresh)[1]["exp"]


def test_a_refresh_token_of_ours_expires(make):
    daemon = make({"token": {"access_expiry": "2s", "refresh_expiry": "3s", "refresh_grace": "1s"}}).start()
    with daemon.connect() as connection:
        person = Person(connection)
        exp = parts(person.refresh)[1]["exp"]
        while time.time() < exp + 1:
            time.sleep(0.1)
        assert_failure(refresh(connection, person.refresh), "token_expired", expired_at=exp)
        person.login(connection)
        person.rotate(connection)


def test_no_tolerance_for_an_expired_one(connection, person):
    exp = int(time.time()) - 2
    assert_failure(refresh(connection, resealed_refresh(person.refresh, exp=exp)), "token_expired", expired_at=exp)
    # Only its text was at fault: the session goes on.
    person.rotate(connection)


# Forged ones


def test_forged_tokens(connection, person):
    header, body = parts(person.refresh)
    head, payload, signature = person.refresh.split(".")
    flipped = bytearray(unb64(signature))
    flipped[0] ^= 1
    forged = {
        "empty": "", "no token": "x", "dots": "..", "three words": "a.b.c",
        "the access token": person.access,
        "under the access secret": seal(header, body, JWT_SECRET),
        "under another": seal(header, body, "another secret, long enough for everybody"),
        "signature": f"{head}.{payload}.{b64(bytes(flipped))}",
        "no signature": f"{head}.{payload}.",
        "none": seal({**header, "alg": "none"}, body, REFRESH_SECRET),
        "unsigned": f"{b64(b'{' + b'}')}.{payload}.",
        "other hash": seal({**header, "alg": "HS512"}, body, REFRESH_SECRET, "HS512"),
        "typ at+jwt": resealed_refresh(person.refresh, {"typ": "at+jwt"}),
        "typ JWT": resealed_refresh(person.refresh, {"typ": "JWT"}),
        "no typ": resealed_refresh(person.refresh, {"typ": ABSENT}),
        "crit": resealed_refresh(person.refresh, {"crit": ["exp"]}),
        "jti": resealed_refresh(person.refresh, jti=b64(b"\0" * 32)),
        "jti empty": resealed_refresh(person.refresh, jti=""),
        "no jti": resealed_refresh(person.refresh, jti=ABSENT),
        "jti a number": resealed_refresh(person.refresh, jti=5),
        "no sid": resealed_refresh(person.refresh, sid=ABSENT),
        "no exp": resealed_refresh(person.refresh, exp=ABSENT),
        "exp text": resealed_refresh(person.refresh, exp="soon"),
        "padded": person.refresh + "=", "behind": person.refresh + " ", "before": " " + person.refresh, "twice": person.refresh + "." + person.refresh,
        "not JSON": seal(header, b"{", REFRESH_SECRET), "no object": seal(header, b"[]", REFRESH_SECRET),
        "duplicate": seal(header, b'{"jti":"x",' + unb64(payload)[1:], REFRESH_SECRET),
    }
    for name, token in forged.items():
        reply = refresh(connection, token)
        assert reply["ok"] is False and reply["error"] == "token_invalid", (name, reply)
    # None of them reached the session.
    assert_ok(verify(connection, person.access), "claims")
    person.rotate(connection)


def test_an_unknown_session(connection, person):
    for sid in ("01890000-0000-7000-8000-000000000000",):
        assert_failure(refresh(connection, resealed_refresh(person.refresh, sid=sid)), "token_revoked")
    person.rotate(connection)


def test_expiry_is_told_before_the_session(connection, person):
    past = int(time.time()) - 3_600
    assert connection.call("REVOKE", token=person.refresh)["revoked"] is True
    assert_failure(refresh(connection, resealed_refresh(person.refresh, exp=past)), "token_expired", expired_at=past)
    assert_failure(refresh(connection, person.refresh), "token_revoked")
    # An ended session is told before a wrong jti.
    assert_failure(refresh(connection, resealed_refresh(person.refresh, jti=b64(b"\0" * 32))), "token_revoked")


def test_an_access_token_of_a_forged_sid_reaches_no_session(connection, person):
    stranger = Person(connection)
    sid = parts(stranger.refresh)[1].get("sid")
    assert sid, "a refresh token names its session"
    assert_failure(refresh(connection, resealed_refresh(person.refresh, sid=sid)), "token_invalid")
    stranger.rotate(connection)
    person.rotate(connection)


def test_a_forged_generation(connection, person):
    """No number in the payload can be raised without its jti."""
    _, body = parts(person.refresh)
    numbers = [name for name, value in body.items() if type(value) is int and name not in ("exp", "iat", "nbf")]
    for name in numbers:
        for value in (body[name] + 1, body[name] - 1, body[name] + 10**6, -1, 0, 2**53, 2**63, 2**64):
            if value != body[name]:
                assert_failure(refresh(connection, resealed_refresh(person.refresh, **{name: value})), "token_invalid")
    person.rotate(connection)


# The caller's mistakes


def test_no_token(connection):
    assert_failure(connection.call("REFRESH"), "missing_field", field="refresh_token")
    assert_failure(connection.call("REFRESH", refresh_token=None), "missing_field", field="refresh_token")
    assert_failure(connection.call("REFRESH", token="x"), "missing_field", field="refresh_token")


@pytest.mark.parametrize("value", [5, True, [], {}, ["x"]])
def test_another_type(connection, value):
    assert_failure(refresh(connection, value), "invalid_field", field="refresh_token")


@pytest.mark.parametrize("client", [{"ip": "192.0.2.1", "user_agent": "x"}, {}, None])
def test_client(connection, person, client):
    assert_ok(refresh(connection, person.refresh, client=client), *PAIR)


@pytest.mark.parametrize("client", ["x", 5, [], {"ip": "x"}, {"ip": 5}, {"user_agent": 5}])
def test_bad_client(connection, person, client):
    assert_failure(refresh(connection, person.refresh, client=client), "invalid_field")
    person.rotate(connection)
    assert_failure(refresh(connection, "x", client=client), "invalid_field")


# The cap


def test_the_session_longest_unused_gives_way(make):
    daemon = make({"token": {"max_sessions": 3}}).start()
    with daemon.connect() as connection:
        person = Person(connection)
        bystander = Person(connection)
        sessions = [(person.refresh, person.access)]
        for _ in range(2):
            person.login(connection)
            sessions.append((person.refresh, person.access))
        for _, access in sessions:
            assert_ok(verify(connection, access), "claims")
        # The first is used again, so the second is the one longest unused.
        reply = refresh(connection, sessions[0][0])
        sessions[0] = reply["refresh_token"], reply["access_token"]
        person.login(connection)
        assert_ended(connection, [sessions[1][0]], [sessions[1][1]])
        for kept in (sessions[0], sessions[2], (person.refresh, person.access)):
            assert_ok(verify(connection, kept[1]), "claims")
            assert_ok(refresh(connection, kept[0]), *PAIR)
        assert_ok(verify(connection, bystander.access), "claims")
    daemon.crash_and_restart()
    with daemon.connect() as connection:
        assert_ended(connection, [sessions[1][0]], [sessions[1][1]])
        assert_ok(verify(connection, sessions[2][1]), "claims")


def test_many_logins_within_the_cap(make):
    daemon = make({"token": {"max_sessions": 2}}).start()
    with daemon.connect() as connection:
        person = Person(connection)
        made = [person.access]
        for _ in range(8):
            person.login(connection)
            made.append(person.access)
        replies = [verify(connection, token) for token in made]
        assert [reply["ok"] for reply in replies] == [False] * 7 + [True] * 2
        assert all(reply["error"] == "token_revoked" for reply in replies[:7])


# What a restart keeps


def test_tokens_outlive_a_restart(make):
    daemon = make().start()
    with daemon.connect() as connection:
        person = Person(connection)
        access = person.access
    daemon.restart()
    with daemon.connect() as connection:
        assert_ok(verify(connection, access), "claims")
        person.rotate(connection)
        person.login(connection)
    daemon.crash_and_restart()
    with daemon.connect() as connection:
        assert_ok(verify(connection, access), "claims")
        assert_ok(verify(connection, person.access), "claims")
        person.rotate(connection)


def test_an_access_token_signed_anew_is_of_its_session(connection, person):
    forever = resealed(person.access, exp=2**40)
    assert_ok(verify(connection, forever), "claims")
    connection.call("REVOKE", token=person.refresh)
    assert_failure(verify(connection, forever), "token_revoked")
