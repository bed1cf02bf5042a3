"""IMPORT and EXPORT: users and their password hashes come in and go out, all or none."""

import json
import time

import pytest

from .connection import assert_failure, assert_ok
from .daemon import eventually
from .people import Person

PASSWORD, HASH = "password123", "$2b$10$RZPhrWQx7kN14VmPLMuMiuLobBrlb5D1XJHrpABdPsCLJK9kpbWLa"


def user(name, **more):
    return {"username": name, "email": f"{name}@example.org", "password_hash": HASH, **more}


def canonical(number, **more):
    """A user as EXPORT writes it."""
    return {
        "id": f"01900000-0000-7000-8000-{number:012x}", "username": f"User{number}", "email": f"User{number}@example.org", "role": "editor",
        "permissions": ["post:*", "é\"\\\n"], "claims": {"department": "R&D", "n": [number, None, {"deep": True}]}, "email_verified": number % 2 == 0,
        "created_at": 1_700_000_000 + number, "last_login_at": None if number % 3 else 1_700_000_001 + number, "password_hash": HASH,
        "disabled": number % 5 == 0, **more,
    }


def batches(users, size=100):
    for start in range(0, len(users), size):
        yield start, users[start : start + size]


def bring(admin, users):
    for start, batch in batches(users):
        assert_ok(admin.call("IMPORT", line=start + 1, users=batch), "staged")
    return admin.call("IMPORT", commit=len(users))


def exported(admin, limit=1000):
    users, after = [], None
    while True:
        page = assert_ok(admin.call("EXPORT", limit=limit, **({"after": after} if after else {})), "users", "next")
        users += page["users"]
        if not (after := page["next"]):
            return users


@pytest.fixture
def daemon(make):
    return make(admin=True).start()


@pytest.fixture
def admin(daemon):
    with daemon.connect(admin=True) as admin:
        yield admin


def test_thousands_come_along(daemon, admin):
    names = [f"user{number}" for number in range(5_000)]
    assert bring(admin, [user(name) for name in names]) == {"ok": True, "imported": 5_000}
    with daemon.connect() as app:
        for name in (names[0], names[-1].upper(), f"{names[77]}@EXAMPLE.org"):
            reply = app.call("LOGIN", login=name, password=PASSWORD)
            assert reply["ok"] and reply["user"]["role"] == "user", reply
    daemon.crash_and_restart()
    with daemon.connect(admin=True) as admin, daemon.connect() as app:
        assert [user["username"] for user in exported(admin)] == names
        assert_ok(app.call("LOGIN", login=names[4_000], password=PASSWORD))
        # Their hashes are of another cost than ours: one that logged in has one of ours.
        hashes = {user["username"]: user["password_hash"][:7] for user in exported(admin)}
        assert (hashes[names[0]], hashes[names[1]]) == ("$2b$04$", "$2b$10$")


def test_an_export_is_what_was_imported(make):
    lines = [json.dumps(canonical(number), ensure_ascii=False, separators=(",", ":")).encode() for number in range(1, 301)]
    file = b"".join(line + b"\n" for line in lines)
    for _ in range(2):
        daemon = make(admin=True).start()
        with daemon.connect(admin=True) as admin:
            for start in range(0, len(lines), 50):
                admin.send(b'{"op":"IMPORT","users":[%s]}' % b",".join(lines[start : start + 50]))
                assert_ok(admin.read_reply(), "staged")
            assert_ok(admin.call("IMPORT", commit=len(lines)), "imported")
            # Byte for byte, as the daemon writes it.
            out, after = b"", None
            while True:
                admin.send({"op": "EXPORT", "limit": 7, **({"after": after} if after else {})})
                raw = admin.read_line()
                page = json.loads(raw)
                for one in page["users"]:
                    text = json.dumps(one, ensure_ascii=False, separators=(",", ":")).encode()
                    assert text in raw
                    out += text + b"\n"
                if not (after := page["next"]):
                    break
        assert out == file
        assert daemon.stop() == 0


def test_the_sub_of_tokens_survives_the_move(daemon, admin):
    moved = canonical(7, disabled=False, password_hash=HASH)
    assert bring(admin, [moved])["ok"]
    with daemon.connect() as app:
        reply = app.call("LOGIN", login="user7", password=PASSWORD)
        claims = app.call("VERIFY", token=reply["access_token"])["claims"]
    assert claims["sub"] == moved["id"] and claims["permissions"] == moved["permissions"] and claims["department"] == "R&D"


def test_claims_stay_as_they_are_written(admin):
    claims = '{ "a" : 1.0, "b":1e5,"c":12345678901234567890 ,"d":"\\u00e9\\/" }'
    admin.send('{"op":"IMPORT","users":[{"username":"ada","email":"a@x","claims":%s}]}' % claims)
    assert_ok(admin.read_reply(), "staged")
    assert_ok(admin.call("IMPORT", commit=1), "imported")
    admin.send('{"op":"EXPORT"}')
    assert claims.encode() in admin.read_line()


def test_pages_are_bounded_in_bytes(make):
    """Where claims are not in tokens, users may be as long as lines."""
    daemon = make({"token": {"personal_claims": ["username"]}}, admin=True).start()
    with daemon.connect(admin=True) as admin:
        users = [user(f"user{number}", claims={"essay": "x" * 60_000}) for number in range(20)]
        for one in users:
            assert_ok(admin.call("IMPORT", users=[one]), "staged")
        assert_ok(admin.call("IMPORT", commit=20), "imported")
        assert len(admin.call("EXPORT")["users"]) == 5
        assert [one["username"] for one in exported(admin)] == [one["username"] for one in users]


def test_a_fault_in_the_last_line(admin):
    users = [user(f"user{number}") for number in range(1_000)] + [user("user5")]
    for start, batch in batches(users):
        reply = admin.call("IMPORT", line=start + 1, users=batch)
    assert_failure(reply, "account_exists", field="username", line=1_001)
    assert reply["message"] == "Line 1001: line 6 has this username."
    assert_failure(admin.call("IMPORT", commit=len(users)), "invalid_field", field="commit")
    assert exported(admin) == []


def test_all_at_once_without_waiting(daemon, admin):
    """A client that sends everything and then looks: the fault in the middle lets nothing through."""
    good = [{"op": "IMPORT", "users": [user(f"user{number}")]} for number in range(50)]
    bad = [*good[:25], {"op": "IMPORT", "users": [user("no good name")]}, *good[25:]]
    replies = admin.pipeline([*bad, {"op": "IMPORT", "commit": 51}])
    assert [reply.get("line") for reply in replies if not reply["ok"]] == [26, None]
    assert_failure(replies[-1], "invalid_field", field="commit")
    assert exported(admin) == []
    assert_ok(admin.pipeline([*good, {"op": "IMPORT", "commit": 50}])[-1], "imported")
    assert len(exported(admin)) == 50


def test_a_name_that_was_taken_meanwhile(daemon, admin):
    assert_ok(admin.call("IMPORT", line=10, users=[user("ada"), user("bob")]), "staged")
    with daemon.connect() as app:
        Person(app, username="bob")
    assert_failure(admin.call("IMPORT", commit=2), "account_exists", field="username", line=11)
    assert [one["username"] for one in exported(admin)] == ["bob"]


def test_a_killed_daemon_leaves_nothing(daemon):
    with daemon.connect(admin=True) as admin:
        for start, batch in batches([user(f"user{number}") for number in range(1_000)]):
            assert_ok(admin.call("IMPORT", users=batch), "staged")
    daemon.crash_and_restart()
    with daemon.connect(admin=True) as admin:
        assert exported(admin) == []
        assert_failure(admin.call("IMPORT", commit=1_000), "invalid_field", field="commit")
        assert bring(admin, [user("user1")])["ok"]


def test_a_kill_during_the_commit_leaves_all_or_nothing(make):
    for moment in (0, 0.005, 0.02, 0.05):
        daemon = make(admin=True).start()
        with daemon.connect(admin=True) as admin:
            for start, batch in batches([user(f"user{number}") for number in range(2_000)]):
                assert_ok(admin.call("IMPORT", users=batch), "staged")
            admin.send({"op": "IMPORT", "commit": 2_000})
            time.sleep(moment)
            daemon.kill9()
        daemon.start()
        with daemon.connect(admin=True) as admin:
            imports = assert_ok(admin.call("AUDIT", operation="IMPORT"), "entries", "after")["entries"]
            assert len(exported(admin)) == 2_000 * len(imports)
        daemon.stop()


def test_a_client_that_stops_half_way(daemon):
    with daemon.connect(admin=True) as first:
        assert_ok(first.call("IMPORT", users=[user("ada"), user("bob")]), "staged")
        with daemon.connect(admin=True) as second:
            assert_failure(second.call("IMPORT", users=[user("eve")]), "busy")
            assert_failure(second.call("IMPORT", commit=2), "invalid_field", field="commit")
    with daemon.connect(admin=True) as second:
        # The daemon notices the end of the other connection when it notices it.
        eventually(lambda: second.call("IMPORT", users=[user("ada")])["ok"], "the import of the client that is gone ends")
        assert_ok(second.call("IMPORT", commit=1), "imported")
        assert [one["username"] for one in exported(second)] == ["ada"]


def test_others_are_served_meanwhile(daemon, admin):
    with daemon.connect() as app:
        person = Person(app)
        for start, batch in batches([user(f"user{number}") for number in range(2_000)]):
            admin.send({"op": "IMPORT", "users": batch})
            person.rotate(app)
            person.login(app)
            Person(app)
            assert_ok(admin.read_reply(), "staged")
        admin.send({"op": "IMPORT", "commit": 2_000})
        person.rotate(app)
        assert_ok(admin.read_reply(), "imported")


@pytest.mark.parametrize("line, code", [
    ('{"op":"IMPORT","users":[{"username":"a","username":"b","email":"a@x"}]}', "bad_request"),
    ('{"op":"IMPORT","users":[{"username":"a","email":"a@x","claims":' + '{"a":' * 40 + "1" + "}" * 40 + "}]}", "bad_request"),
    ('{"op":"IMPORT","users":[{"username":"a","email":"a@x","claims":{"a":"\\ud800"}}]}', "bad_request"),
    ('{"op":"IMPORT","users":[{"username":"a","email":"a@x","password_hash":"$2b$31$RZPhrWQx7kN14VmPLMuMiuLobBrlb5D1XJHrpABdPsCLJK9kpbWLa"}]}', "invalid_field"),
    ('{"op":"IMPORT","users":[{"username":"a","email":"a@x","password_hash":"\\u0000"}]}', "invalid_field"),
    ('{"op":"IMPORT","users":[{"username":"a\\u0000","email":"a@x"}]}', "invalid_field"),
    ('{"op":"IMPORT","users":[[[[]]]]}', "invalid_field"),
    ('{"op":"IMPORT","users":[' + ",".join("{}" for _ in range(1_001)) + "]}", "invalid_field"),
    ('{"op":"IMPORT","line":9223372036854775807,"users":[{"username":"a","email":"a@x"}]}', "invalid_field"),
    ('{"op":"IMPORT","users":[{"username":"a","email":"a@x","created_at":-9223372036854775808}]}', "invalid_field"),
    ('{"op":"IMPORT","users":[{"username":"a","email":"a@x","claims":{"x":"' + "y" * 70_000 + '"}}]}', "line_too_long"),
])
def test_hostile_lines(daemon, admin, line, code):
    assert_failure(admin.ask(line), code)
    assert_failure(admin.call("IMPORT", commit=1), "invalid_field", field="commit")
    assert exported(admin) == []


def test_nothing_secret_is_logged(daemon, admin):
    start = len(daemon.stderr)
    assert bring(admin, [user("ada")])["ok"]
    assert not admin.call("IMPORT", users=[user("bob", password_hash="$1$made$up")])["ok"]
    exported(admin)
    daemon.stderr.wait_for(lambda line: "EXPORT granted; 1 users" in line, start)
    daemon.stderr.wait_for(lambda line: "IMPORT granted; 1 users" in line, start)
    assert daemon.stop() == 0
    assert "$2b$" not in daemon.stderr.text() and "$1$" not in daemon.stderr.text() and "RZPhr" not in daemon.stderr.text()
