"""REVOKE: one token, a session, a user; and what there is nothing to revoke of."""

import time
import uuid

import pytest

from .connection import assert_failure, assert_ok
from .daemon import REFRESH_SECRET
from .people import PAIR, Person
from .tokens import ABSENT, access, b64, claims, header, parts, resealed, resealed_refresh, seal


@pytest.fixture(scope="module")
def daemon(make_shared):
    return make_shared({"token": {"audiences": ["usher", "api"]}}).start()


def revoke(connection, token, **members):
    return assert_ok(connection.call("REVOKE", token=token, **members), "revoked")["revoked"]


def works(connection, person):
    assert_ok(connection.call("VERIFY", token=person.access), "claims")
    person.rotate(connection)


def is_dead(connection, access_token):
    assert_failure(connection.call("VERIFY", token=access_token), "token_revoked")


def is_ended(connection, person):
    is_dead(connection, person.access)
    assert_failure(connection.call("REFRESH", refresh_token=person.refresh), "token_revoked")


# token


@pytest.mark.parametrize("scope", [{}, {"scope": "token"}, {"scope": None}])
def test_an_access_token(connection, person, scope):
    assert revoke(connection, person.access, **scope) is True
    is_dead(connection, person.access)
    assert_failure(connection.call("AUTHORIZE", token=person.access, roles=["user"]), "token_revoked")
    assert revoke(connection, person.access, **scope) is False
    # It alone: its session goes on.
    works_again = connection.call("REFRESH", refresh_token=person.refresh)
    assert_ok(connection.call("VERIFY", token=works_again["access_token"]), "claims")
    is_dead(connection, person.access)


def test_one_of_two_access_tokens_of_a_session(connection, person):
    first = person.access
    person.rotate(connection)
    assert revoke(connection, person.access) is True
    is_dead(connection, person.access)
    assert_ok(connection.call("VERIFY", token=first), "claims")


def test_it_is_the_jti_that_is_revoked(connection, person):
    assert revoke(connection, person.access) is True
    is_dead(connection, resealed(person.access, exp=2**33, note="x"))
    assert_ok(connection.call("VERIFY", token=resealed(person.access, jti="another")), "claims")


def test_tokens_of_one_second_are_told_apart(connection, person):
    tokens = [connection.call("LOGIN", username=person.username, password=person.password)["access_token"] for _ in range(6)]
    for token in tokens[::2]:
        assert revoke(connection, token) is True
    assert [connection.call("VERIFY", token=token)["ok"] for token in tokens] == [False, True] * 3


def test_one_made_elsewhere(connection):
    token = access(sub="somebody", sid="a session elsewhere", jti=str(uuid.uuid4()))
    assert revoke(connection, token) is True
    is_dead(connection, token)
    assert revoke(connection, token) is False


def test_one_for_another_audience(connection):
    person = Person(connection, audience="api")
    assert revoke(connection, person.access) is True
    assert_failure(connection.call("VERIFY", token=person.access, audience="api"), "token_revoked")


def test_one_that_is_not_active_yet(connection):
    now = int(time.time())
    early = claims(nbf=now + 3_600, exp=now + 7_200)
    assert revoke(connection, seal(header(), early)) is True
    # The same token, once its time has come.
    is_dead(connection, seal(header(), {**early, "nbf": now}))


def test_one_that_has_expired(connection, person):
    assert revoke(connection, resealed(person.access, exp=int(time.time()) - 3_600)) is False
    works(connection, person)


def test_a_refresh_token_has_no_scope_token(connection, person):
    assert_failure(connection.call("REVOKE", token=person.refresh, scope="token"), "invalid_field", field="scope")
    works(connection, person)


# session


@pytest.mark.parametrize("scope", [{}, {"scope": "session"}, {"scope": None}])
def test_a_session_by_its_refresh_token(connection, person, scope):
    first, old = person.access, person.refresh
    person.rotate(connection)
    assert revoke(connection, person.refresh, **scope) is True
    is_ended(connection, person)
    is_dead(connection, first)
    assert_failure(connection.call("REFRESH", refresh_token=old), "token_revoked")
    assert revoke(connection, person.refresh, **scope) is False
    assert revoke(connection, old, **scope) is False


def test_a_session_by_its_access_token(connection, person):
    first = person.access
    person.rotate(connection)
    assert revoke(connection, first, scope="session") is True
    is_ended(connection, person)
    is_dead(connection, first)
    assert revoke(connection, first, scope="session") is False


def test_a_session_by_an_expired_access_token(connection, person):
    late = resealed(person.access, exp=int(time.time()) - 60)
    assert_failure(connection.call("VERIFY", token=late), "token_expired")
    assert revoke(connection, late, scope="session") is True
    is_ended(connection, person)


def test_a_session_by_a_revoked_access_token(connection, person):
    assert revoke(connection, person.access) is True
    assert revoke(connection, person.access, scope="session") is True
    is_ended(connection, person)


@pytest.mark.parametrize("behind", [1, 2, 5])
def test_a_session_by_an_old_refresh_token(connection, person, behind):
    old = person.refresh
    for _ in range(behind):
        person.rotate(connection)
    assert revoke(connection, old) is True
    is_ended(connection, person)


def test_a_session_for_another_audience(connection):
    for token in ("access", "refresh"):
        person = Person(connection, audience="api")
        assert revoke(connection, getattr(person, token), scope="session") is True
        assert_failure(connection.call("VERIFY", token=person.access, audience="api"), "token_revoked")
        assert_failure(connection.call("REFRESH", refresh_token=person.refresh), "token_revoked")


def test_a_session_made_elsewhere(connection):
    sid = str(uuid.uuid4())
    one, two, other = access(sid=sid), access(sid=sid), access()
    assert revoke(connection, one, scope="session") is True
    is_dead(connection, one)
    is_dead(connection, two)
    assert_ok(connection.call("VERIFY", token=other), "claims")


def test_no_other_session_of_the_user(connection, person):
    other = Person(connection)
    first = person.refresh, person.access
    person.login(connection)
    assert revoke(connection, person.refresh) is True
    is_ended(connection, person)
    assert_ok(connection.call("VERIFY", token=first[1]), "claims")
    assert_ok(connection.call("REFRESH", refresh_token=first[0]), *PAIR)
    works(connection, other)
    person.login(connection)
    works(connection, person)


def test_an_ended_session_is_not_revived_by_a_refresh_under_way(daemon, connection):
    for _ in range(20):
        person = Person(connection)
        requests = [
            {"op": "REFRESH", "refresh_token": person.refresh, "id": "refresh"},
            {"op": "REVOKE", "token": person.refresh, "id": "revoke"},
        ]
        replies = {reply["id"]: reply for reply in connection.pipeline(requests)}
        assert replies["revoke"]["revoked"] is True
        if replies["refresh"]["ok"]:
            is_dead(connection, replies["refresh"]["access_token"])
            assert_failure(connection.call("REFRESH", refresh_token=replies["refresh"]["refresh_token"]), "token_revoked")
        else:
            assert_failure(replies["refresh"], "token_revoked")
        is_ended(connection, person)


# user


def test_a_user_everywhere(connection, person):
    other = Person(connection)
    sessions = [(person.access, person.refresh)]
    for _ in range(4):
        person.login(connection)
        sessions.append((person.access, person.refresh))
    person.rotate(connection)
    assert revoke(connection, sessions[2][0], scope="user") is True
    for access_token, refresh_token in [*sessions, (person.access, person.refresh)]:
        is_dead(connection, access_token)
        assert_failure(connection.call("REFRESH", refresh_token=refresh_token), "token_revoked")
    works(connection, other)
    # Logged out, not locked out; and nothing compares iat, so a login within the same second works.
    person.login(connection)
    works(connection, person)


def test_a_user_by_an_access_token_that_no_longer_lives(connection, person):
    first = person.access
    person.rotate(connection)
    assert revoke(connection, resealed(first, exp=int(time.time()) - 3_600), scope="user") is False
    works(connection, person)
    assert revoke(connection, first) is True
    assert revoke(connection, first, scope="user") is False
    works(connection, person)


def test_a_user_by_a_refresh_token(connection, person):
    assert_failure(connection.call("REVOKE", token=person.refresh, scope="user"), "invalid_field", field="scope")
    works(connection, person)


def test_a_user_twice(connection, person):
    assert revoke(connection, person.access, scope="user") is True
    assert revoke(connection, person.access, scope="user") is False


# What there is nothing to revoke of


def no_tokens(person):
    head, body, signature = person.access.split(".")
    return {
        "empty": "", "blank": " ", "word": "x", "dots": "..", "long": "A" * 20_000, "NUL": "\0",
        "under another secret": seal(header(), claims(), "another secret, long enough for everybody"),
        "of ours under another secret": seal(*parts(person.access), "another secret, long enough for everybody"),
        "unsigned": f"{head}.{body}.",
        "other payload": f"{head}.{b64(b'{' + b'}')}.{signature}",
        "typ JWT": access({"typ": "JWT"}),
        "none": access({"alg": "none"}),
        "crit": resealed(person.access, _header={"crit": ["exp"]}),
        "no sid": resealed(person.access, sid=ABSENT),
        "no jti": resealed(person.access, jti=ABSENT),
        "another issuer": resealed(person.access, iss="other"),
        "behind": person.access + " ",
    }


@pytest.mark.parametrize("scope", [None, "token", "session", "user"])
def test_no_token_of_ours(connection, person, scope):
    for name, token in no_tokens(person).items():
        assert revoke(connection, token, scope=scope) is False, name
    works(connection, person)


@pytest.mark.parametrize("scope", [None, "session"])
def test_no_refresh_token_of_ours(connection, person, scope):
    for token in [
        resealed_refresh(person.refresh, jti=b64(b"\0" * 32)), resealed_refresh(person.refresh, jti=ABSENT),
        resealed_refresh(person.refresh, sid=str(uuid.uuid4())), resealed_refresh(person.refresh, {"typ": "JWT"}),
        seal(*parts(person.refresh), "another secret, long enough for everybody"), person.refresh[:-2], person.refresh + "=",
        seal(header(), claims(sid=parts(person.access)[1]["sid"]), REFRESH_SECRET),
    ]:
        assert revoke(connection, token, scope=scope) is False
    works(connection, person)


# The caller's mistakes


def test_no_token(connection):
    for members in ({}, {"token": None}, {"scope": "session"}, {"refresh_token": "x"}):
        assert_failure(connection.call("REVOKE", **members), "missing_field", field="token")


@pytest.mark.parametrize("value", [5, True, [], {}])
def test_another_type(connection, value):
    assert_failure(connection.call("REVOKE", token=value), "invalid_field", field="token")


@pytest.mark.parametrize("scope", ["", "all", "Token", "SESSION", "user ", 5, True, [], ["user"], {}])
def test_an_unknown_scope(connection, person, scope):
    for token in (person.access, person.refresh):
        assert_failure(connection.call("REVOKE", token=token, scope=scope), "invalid_field", field="scope")
    works(connection, person)


# How long it lasts


@pytest.mark.parametrize("crash", [True, False], ids=["crash", "restart"])
def test_revocations_last(make, crash):
    daemon = make().start()
    with daemon.connect() as connection:
        people = [Person(connection) for _ in range(5)]
        one, session, by_access, everywhere, untouched = people
        older = everywhere.access
        everywhere.login(connection)
        elsewhere = access(sid=str(uuid.uuid4()))
        assert revoke(connection, one.access) is True
        assert revoke(connection, session.refresh) is True
        assert revoke(connection, by_access.access, scope="session") is True
        assert revoke(connection, everywhere.access, scope="user") is True
        assert revoke(connection, elsewhere, scope="session") is True
    for _ in range(2):
        if crash:
            daemon.crash_and_restart()
        else:
            daemon.restart()
        with daemon.connect() as connection:
            for token in (one.access, session.access, by_access.access, everywhere.access, older, elsewhere):
                is_dead(connection, token)
            for person in (session, by_access, everywhere):
                is_ended(connection, person)
            assert_ok(connection.call("VERIFY", token=untouched.access), "claims")
            one_access = one.access
            assert_ok(connection.call("REFRESH", refresh_token=one.refresh), *PAIR)
            is_dead(connection, one_access)


def test_a_revocation_outlives_the_expiry_by_the_tolerance(make):
    daemon = make({"token": {"access_expiry": "2s", "refresh_grace": "1s", "clock_tolerance": "10m"}}).start()
    with daemon.connect() as connection:
        person = Person(connection)
        session = Person(connection)
        assert revoke(connection, person.access) is True
        assert revoke(connection, session.refresh) is True
        exp = parts(session.access)[1]["exp"]
        while time.time() < exp + 1:
            time.sleep(0.1)
        # Past exp, but the tolerance would let them through.
        is_dead(connection, person.access)
        is_dead(connection, session.access)
    daemon.crash_and_restart()
    with daemon.connect() as connection:
        is_dead(connection, person.access)
        is_dead(connection, session.access)


def test_acknowledged_on_one_connection_holds_on_every_other(daemon):
    with daemon.connect() as one, daemon.connect() as other:
        for _ in range(50):
            person = Person(one)
            assert_ok(other.call("VERIFY", token=person.access), "claims")
            assert revoke(one, person.access) is True
            is_dead(other, person.access)


def test_one_token_too_many_takes_its_session_with_it(daemon):
    """A session that revokes token after token does not fill the memory: it ends."""
    with daemon.connect() as connection:
        person, other = Person(connection), Person(connection)
        first = person.refresh
        person.rotate(connection)
        # The token before the newest gets another access token each time.
        tokens = [connection.call("REFRESH", refresh_token=first)["access_token"] for _ in range(66)]
        for token in tokens[:64]:
            assert revoke(connection, token) is True
        assert_ok(connection.call("VERIFY", token=tokens[64]), "claims")
        assert revoke(connection, tokens[64]) is True
        for token in tokens:
            is_dead(connection, token)
        is_ended(connection, person)
        assert_ok(connection.call("VERIFY", token=other.access), "claims")
    line, _ = daemon.stderr.wait_for(lambda line: "it is ended instead" in line)
    assert person.username in line
    daemon.crash_and_restart()
    with daemon.connect() as connection:
        for token in tokens:
            is_dead(connection, token)


def test_revocations_are_bounded(make):
    daemon = make({"token": {"max_revocations": 3}}).start()
    with daemon.connect() as connection:
        people = [Person(connection) for _ in range(2)]
        foreign = [access(sid=f"elsewhere-{number}", jti=f"{number}") for number in range(5)]
        for token in foreign[:3]:
            assert revoke(connection, token) is True
        for scope in ({}, {"scope": "session"}, {"scope": "user"}):
            refused = connection.call("REVOKE", token=foreign[3], **scope)
            assert_failure(refused, "busy")
            assert refused["retry_after_ms"] > 0
        assert_ok(connection.call("VERIFY", token=foreign[3]), "claims")
        # Sessions of the daemon's own are ended all the same, by a token alone too.
        assert revoke(connection, people[0].refresh) is True
        assert revoke(connection, people[1].access) is True
        for person in people:
            is_dead(connection, person.access)
            is_ended(connection, person)
        for token in foreign[:3]:
            is_dead(connection, token)
    daemon.crash_and_restart()
    with daemon.connect() as connection:
        for token in foreign[:3] + [person.access for person in people]:
            is_dead(connection, token)
        assert_failure(connection.call("REVOKE", token=foreign[3]), "busy")
