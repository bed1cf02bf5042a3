"""What administrators do with accounts: what they set holds at once, for every token that says otherwise, and lasts."""

import json
import os
import re

import pytest

from . import totp
from .connection import assert_failure, assert_ok
from .people import PAIR, Person, fresh_name, fresh_password


@pytest.fixture(scope="module")
def daemon(make_shared):
    return make_shared(admin=True).start()


@pytest.fixture
def app(daemon):
    with daemon.connect() as app:
        yield app


@pytest.fixture
def admin(daemon):
    with daemon.connect(admin=True) as admin:
        yield admin


def changed(admin, person, **members):
    return assert_ok(admin.call("USER_SET", user=person.username, **members))["user"]


@pytest.mark.parametrize("change", [
    {"role": "editor"}, {"permissions": ["post:*"]}, {"grant": ["a"]}, {"claims": {"department": "R&D"}}, {"disabled": True},
])
def test_older_tokens_are_stale_before_the_reply(app, admin, change):
    person, other = Person(app), Person(app)
    changed(admin, person, **change)
    for op in ("VERIFY", "AUTHORIZE", "PROFILE", "SESSIONS"):
        reply = app.call(op, token=person.access, **({"roles": ["user"]} if op == "AUTHORIZE" else {}))
        assert assert_failure(reply, "token_revoked")["reason"] == "stale"
    assert_ok(app.call("AUTHORIZE", token=other.access, roles=["user"]), "claims")


def test_a_refresh_brings_what_was_set(app, admin):
    person = Person(app)
    changed(admin, person, role="editor", grant=["post:*"], claims={"department": "R&D"})
    user = person.rotate(app)["user"]
    assert (user["role"], user["permissions"], user["claims"]) == ("editor", ["post:*"], {"department": "R&D"})
    claims = assert_ok(app.call("AUTHORIZE", token=person.access, roles=["editor"], permissions=["post:edit"]), "claims")["claims"]
    assert claims["department"] == "R&D" and claims["ver"] == 1
    changed(admin, person, permissions=[], role="user", claims={"department": None})
    assert assert_failure(app.call("VERIFY", token=person.access), "token_revoked")["reason"] == "stale"
    person.rotate(app)
    assert_failure(app.call("AUTHORIZE", token=person.access, permissions=["post:edit"]), "insufficient_permission")


def test_who_is_disabled_is_not_let_in(app, admin):
    person = Person(app)
    assert changed(admin, person, disabled=True)["disabled"] is True
    assert_failure(app.call("LOGIN", login=person.username, password=person.password), "account_disabled")
    assert_failure(app.call("REFRESH", refresh_token=person.refresh), "account_disabled")
    assert_failure(app.call("VERIFY", token=person.access), "token_revoked")
    assert changed(admin, person, disabled=False)["disabled"] is False
    assert_ok(person.login(app), *PAIR)
    assert_ok(app.call("VERIFY", token=person.access), "claims")


def test_a_lost_second_factor(app, admin):
    person = Person(app)
    totp.enrol(app, person)
    assert_failure(app.call("LOGIN", login=person.username, password=person.password), "otp_required")
    assert admin.call("USER_SHOW", user=person.email)["user"]["second_factor"] is True
    assert changed(admin, person, second_factor=False)["second_factor"] is False
    assert_ok(person.login(app), *PAIR)


def test_a_new_password(app, admin):
    person = Person(app)
    old = person.access
    password = fresh_password()
    assert admin.call("USER_SET", user=person.username, password=password)["sessions_ended"] == 1
    assert_failure(app.call("VERIFY", token=old), "token_revoked")
    assert_failure(app.call("LOGIN", login=person.username, password=person.password), "invalid_credentials")
    person.password = password
    assert_ok(person.login(app), *PAIR)
    assert_failure(admin.call("USER_SET", user=person.username, password="short"), "weak_password")
    assert_failure(admin.call("USER_SET", user=person.username, password=f"{person.username}!"), "weak_password")


def test_an_account_is_made_shown_and_deleted(app, admin):
    name, password = fresh_name(), fresh_password()
    made = assert_ok(admin.call("USER_ADD", username=name, email=f"{name}@example.org", password=password, role="admin"), "user")["user"]
    for key in (made["id"], name.upper(), f"{name}@EXAMPLE.org"):
        assert assert_ok(admin.call("USER_SHOW", user=key), "user")["user"] == made
    tokens = assert_ok(app.call("LOGIN", login=name, password=password), *PAIR)
    assert_ok(app.call("AUTHORIZE", token=tokens["access_token"], roles=["admin"]), "claims")
    gone = assert_ok(admin.call("USER_DELETE", user=name), "user", "deleted")
    assert gone["user"]["id"] == made["id"] and gone["deleted"] is True
    assert_failure(app.call("VERIFY", token=tokens["access_token"]), "token_revoked")
    assert_failure(admin.call("USER_SHOW", user=made["id"]), "invalid_field")
    assert_ok(admin.call("USER_ADD", username=name, email=f"{name}@example.org"), "user")


def test_sessions_are_listed_and_ended(app, admin):
    person = Person(app)
    first = person.access
    person.login(app, client={"ip": "192.0.2.7"})
    sessions = assert_ok(admin.call("USER_SESSIONS", user=person.username), "sessions")["sessions"]
    assert [session["client"] for session in sessions] == [{"ip": "192.0.2.7"}, {}]
    assert admin.call("USER_LOGOUT", user=person.username, session=sessions[1]["id"]) == {"ok": True, "sessions_ended": 1}
    assert_failure(app.call("VERIFY", token=first), "token_revoked")
    assert_ok(app.call("VERIFY", token=person.access), "claims")
    assert admin.call("USER_LOGOUT", user=person.username) == {"ok": True, "sessions_ended": 1}
    assert_failure(app.call("VERIFY", token=person.access), "token_revoked")
    assert_failure(app.call("REFRESH", refresh_token=person.refresh), "token_revoked")


def listed(admin, **members):
    names, after = [], None
    while True:
        page = assert_ok(admin.call("USER_LIST", **members, **({"after": after} if after else {})), "users", "after")
        names += [user["username"] for user in page["users"]]
        if not (after := page["after"]):
            return names


def test_the_list(make):
    daemon = make(admin=True).start()
    with daemon.connect(admin=True) as admin:
        users = [{"username": f"user{number}", "email": f"m{number}@example.org", "role": "editor" if number % 100 == 0 else "user",
                  "disabled": number % 250 == 0} for number in range(3_000)]
        for start in range(0, len(users), 300):
            assert_ok(admin.call("IMPORT", users=users[start : start + 300]), "staged")
        assert_ok(admin.call("IMPORT", commit=len(users)), "imported")
        names = [user["username"] for user in users]
        assert listed(admin) == listed(admin, limit=1_000) == names
        assert listed(admin, role="editor", limit=7) == names[::100]
        assert listed(admin, disabled=True, limit=7) == names[::250]
        assert listed(admin, role="editor", disabled=True) == names[::500]
        assert listed(admin, search="USER29", limit=7) == sorted(name for name in names if name.startswith("user29"))
        assert sorted(listed(admin, search="m29", limit=7)) == sorted(name for name in names if name.startswith("user29"))
        assert listed(admin, search="ser") == []


REQUESTS = {
    "USER_ADD": {"username": "mallory", "email": "m@example.org", "role": "admin"}, "USER_SHOW": {"user": "mallory"}, "USER_LIST": {},
    "USER_SET": {"user": "mallory", "role": "admin"}, "USER_DELETE": {"user": "mallory"}, "USER_SESSIONS": {"user": "mallory"},
    "USER_LOGOUT": {"user": "mallory"},
}


@pytest.mark.parametrize("op", REQUESTS)
def test_the_app_socket_refuses_it(app, admin, op):
    assert_failure(app.call(op, **REQUESTS[op]), "forbidden_op")
    assert_failure(admin.call("USER_SHOW", user="mallory"), "invalid_field")


def test_what_was_set_outlasts_a_crash(make):
    daemon = make(admin=True).start()
    with daemon.connect() as app, daemon.connect(admin=True) as admin:
        person = Person(app)
        changed(admin, person, role="editor", disabled=True)
    daemon.crash_and_restart()
    with daemon.connect() as app, daemon.connect(admin=True) as admin:
        user = admin.call("USER_SHOW", user=person.username)["user"]
        assert (user["role"], user["disabled"]) == ("editor", True)
        assert assert_failure(app.call("VERIFY", token=person.access), "token_revoked")["reason"] == "stale"
        assert_failure(app.call("REFRESH", refresh_token=person.refresh), "account_disabled")


def test_the_log_tells_who_changed_what(daemon, app, admin):
    person = Person(app)
    password = fresh_password()
    start = len(daemon.stderr)
    changed(admin, person, role="editor", password=password)
    line, _ = daemon.stderr.wait_for(lambda line: "op=USER_SET" in line and f"user={person.username}" in line, start)
    assert f" peer={os.getuid()}:" in line
    before, after = (json.loads(json.loads(re.search(rf' {word}=("(?:[^"\\]|\\.)*")', line)[1])) for word in ("before", "after"))
    assert (before, after) == ({"role": "user"}, {"role": "editor", "password": "changed"})
    assert not any(password in line or "$2b$" in line for line in daemon.stderr.since(start))
