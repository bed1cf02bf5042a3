"""What administrators did is kept with what it did: neither is there without the other, whenever the daemon dies."""

import getpass
import json
import os
import random
import time

import pytest

from .connection import assert_failure, assert_ok
from .people import Person, fresh_name, fresh_password
from .usherctl import OK, USAGE, FakeDaemon, run

ME = {"uid": os.geteuid(), "name": getpass.getuser()}


@pytest.fixture
def daemon(make):
    return make(admin=True).start()


def everything(admin, op, name, **members):
    """All pages of a list."""
    found, after = [], None
    while True:
        page = assert_ok(admin.call(op, **members, **({"after": after} if after else {})), name, "after")
        found += page[name]
        after = page["after"]
        if after is None:
            return found


def audit(admin, **members):
    """The latest first."""
    return everything(admin, "AUDIT", "entries", **members)


def test_who_did_what_to_whom(daemon):
    with daemon.connect(admin=True) as admin:
        before = int(time.time())
        user = assert_ok(admin.call("USER_ADD", username="ada", email="ada@example.org", password=fresh_password()))["user"]
        assert_ok(admin.call("USER_SET", user="ada", role="editor", password=fresh_password()))
        assert_ok(admin.call("USER_DELETE", user="ada"))
        assert_failure(admin.call("USER_SET", user="ada", role="boss"), "invalid_field")
        deleted, changed, added = audit(admin, user=user["id"])
        ada = {"id": user["id"], "username": "ada"}
        assert changed == {
            "id": 2, "at": changed["at"], "op": "USER_SET", "actor": ME, "user": ada, "before": {"role": "user"},
            "after": {"role": "editor", "password": "changed"},
        }
        assert before <= changed["at"] <= time.time()
        assert (added["before"], added["after"]["email"], deleted["before"]["role"], deleted["after"]) == (None, "ada@example.org", "editor", None)
    daemon.crash_and_restart()
    with daemon.connect(admin=True) as admin:
        assert audit(admin) == [deleted, changed, added]
        assert audit(admin, limit=1) == [deleted, changed, added]
        assert audit(admin, operation="USER_SET", actor=ME["uid"]) == [changed]
        assert audit(admin, actor=ME["uid"] + 1) == []


def test_no_secret_is_in_it(daemon):
    password = fresh_password()
    with daemon.connect() as app, daemon.connect(admin=True) as admin:
        person = Person(app)
        assert_ok(admin.call("USER_SET", user=person.username, password=password))
        users = assert_ok(admin.call("EXPORT"))["users"]
        assert_ok(admin.call("USER_DELETE", user=person.username))
        text = json.dumps(audit(admin))
        for secret in (password, person.password, users[0]["password_hash"], "$2"):
            assert secret not in text


def test_an_act_and_its_entry_survive_a_kill_together(make):
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    dice = random.Random(seed)
    daemon = make({"password": {"queue": 1_000}}, admin=True).start()
    with daemon.connect(admin=True) as admin:
        assert_ok(admin.call("USER_ADD", username="victim", email="victim@example.org", role="r0"))
    number, acknowledged = 0, set()
    for _ in range(12):
        with daemon.connect(admin=True) as admin:
            requests = []
            for number in range(number + 1, number + 81):
                requests += [
                    {"op": "ROLE_GRANT", "role": f"r{number}", "permissions": ["x"], "id": f"role r{number}"},
                    {"op": "USER_SET", "user": "victim", "role": f"r{number}", "id": f"victim r{number}"},
                    {"op": "USER_ADD", "username": f"u{number}", "email": f"u{number}@example.org", "id": f"user u{number}"},
                ]
            dice.shuffle(requests)
            admin.send(*requests)
            replies = admin.read_replies(dice.randint(1, 150))
            daemon.kill9()
            try:
                replies += admin.read_to_end()
            except (OSError, AssertionError):
                pass
        daemon.start()
        acknowledged |= {reply["id"] for reply in replies if reply["ok"]}
        with daemon.connect(admin=True) as admin:
            entries = audit(admin, limit=1_000)
            # Later acts have higher numbers, and none is missing.
            assert [entry["id"] for entry in entries] == list(range(len(entries), 0, -1))
            kept = {f"role {entry['role']}" for entry in entries if entry["op"] == "ROLE_GRANT"}
            kept |= {f"user {entry['user']['username']}" for entry in entries if entry["op"] == "USER_ADD"}
            roles = [entry["after"]["role"] for entry in entries if entry["op"] == "USER_SET"]
            kept |= {f"victim {role}" for role in roles}
            assert acknowledged <= kept
            # What is kept is what was done, to the last of it.
            done = {f"role {role['name']}" for role in everything(admin, "ROLE_LIST", "roles")}
            done |= {f"user {user['username']}" for user in everything(admin, "USER_LIST", "users")}
            assert {name for name in kept if not name.startswith("victim ")} == done
            assert admin.call("USER_SHOW", user="victim")["user"]["role"] == (roles[0] if roles else "r0")
    assert len(kept) > 50


# usherctl audit


def test_as_a_table(daemon):
    name, role = fresh_name("hedy"), "editor"
    assert run("user", "add", name, "hedy@example.org", socket=daemon.admin, input=fresh_password() + "\n").returncode == OK
    assert run("user", "set", name, "--role", role, "--grant", "post:*", socket=daemon.admin).returncode == OK
    assert run("role", "grant", role, "a:b", socket=daemon.admin).returncode == OK
    done = run("audit", socket=daemon.admin)
    assert (done.returncode, done.stderr) == (OK, "")
    rows = [line.split(maxsplit=6) for line in done.stdout.splitlines()]
    assert rows[0] == ["NUMBER", "TIME", "WHO", "WHAT", "ON", "CHANGE"]
    assert [(row[0], *row[3:]) for row in rows[1:3]] == [
        ("3", ME["name"], "ROLE_GRANT", role, "permissions: a:b"),
        ("2", ME["name"], "USER_SET", name, "role: user -> editor; permissions: - -> post:*"),
    ]
    assert rows[3][6].startswith(f"username: {name}; email: hedy@example.org; role: user;")
    for words, numbers in [
        (["--user", name], [2, 1]), (["--actor", ME["name"], "--limit", 2], [3, 2]), (["--actor", ME["uid"], "--after", 2], [1]),
        (["--operation", "ROLE_GRANT"], [3]), (["--limit", 1, "--all"], [3, 2, 1]),
    ]:
        done = run("audit", *words, socket=daemon.admin)
        assert [int(line.split()[0]) for line in done.stdout.splitlines()[1:]] == numbers
        assert done.stderr == ("There are more: --after 2, or --all.\n" if words[-1] == 2 and "--limit" in words else "")
        pages = [json.loads(line) for line in run("audit", *words, "--json", socket=daemon.admin).stdout.splitlines()]
        assert [entry["id"] for page in pages for entry in page["entries"]] == numbers
    assert run("audit", "--operation", "LOGIN", socket=daemon.admin).stderr == "There are none.\n"


def test_what_it_is_told_is_printable(folder):
    entry = {"id": 7, "at": 1_700_000_000, "actor": {"uid": 5, "name": None}, "op": "USER_SET", "user": {"id": "x", "username": "a\x1b[2J"},
             "before": {"claims": {"a": "é"}}, "after": {"claims": {}, "password": "changed"}}
    with FakeDaemon(folder, {"AUDIT": {"entries": [entry], "after": None}}) as fake:
        done = run("audit", "--user", "ada", "--limit", 5, "--after", 9, socket=fake.socket)
        assert fake.requests == [{"op": "AUDIT", "user": "ada", "limit": 5, "after": 9}]
        assert done.stdout.splitlines()[1] == (
            '7       2023-11-14 22:13:20  5    USER_SET  a\\u{1b}[2J  claims: {"a": "\\u00e9"} -> {}; password: changed')
        for words in (["--limit", 0], ["--limit", 1_001], ["--actor", "no such user"], ["--after", "x"]):
            assert run("audit", *words, socket=fake.socket).returncode == USAGE
