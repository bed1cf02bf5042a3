"""`usherctl user` against the real daemon where it has the operation, and against one that plays its part elsewhere."""

import json
import os
import signal
import stat
import subprocess
import threading
import time

import pytest

from .connection import assert_ok
from .daemon import PATIENCE
from .test_import import HASH, canonical, user
from .usherctl import ENVIRONMENT, LOCAL, OK, REFUSED, RETRY_LATER, UNREACHABLE, USAGE, USHERCTL, FakeDaemon, Terminal, run

ADA = {
    "id": "01900000-0000-7000-8000-000000000001", "username": "ada", "email": "ada@example.org", "role": "editor", "permissions": ["post:*"],
    "claims": {"department": "R&D"}, "email_verified": True, "created_at": 1_700_000_000, "last_login_at": None, "disabled": False,
    "second_factor": False,
}
NOBODY = {"error": "invalid_field", "message": "There is no such user.", "status": 422, "field": "user"}


def lines_of(users):
    return "".join(json.dumps(one, ensure_ascii=False, separators=(",", ":")) + "\n" for one in users)


# The daemon that there is


@pytest.fixture
def daemon(make):
    return make(admin=True).start()


def export(daemon):
    done = run("user", "export", socket=daemon.admin)
    assert (done.returncode, done.stderr) == (OK, "")
    return done.stdout


def test_a_file_goes_in_and_comes_out_byte_for_byte(daemon, folder):
    file = folder / "users.jsonl"
    file.write_text(lines_of(canonical(number) for number in range(1, 2_501)))
    done = run("user", "import", file, socket=daemon.admin)
    assert (done.returncode, done.stdout, done.stderr) == (OK, "2,500 users are imported.\n", "")
    assert export(daemon) == file.read_text()
    out = folder / "out.jsonl"
    assert run("user", "export", "--output", out, socket=daemon.admin).returncode == OK
    assert out.read_bytes() == file.read_bytes()
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert not [name for name in os.listdir(folder) if name.startswith(".")]


def test_a_hundred_thousand_users_take_less_than_a_minute(daemon, folder):
    file = folder / "users.jsonl"
    file.write_text(lines_of(canonical(number) for number in range(1, 100_001)))
    start = time.monotonic()
    done = run("user", "import", file, socket=daemon.admin)
    assert (done.returncode, done.stdout) == (OK, "100,000 users are imported.\n")
    assert time.monotonic() - start < 60
    assert export(daemon) == file.read_text()


@pytest.mark.parametrize("damage, message", [
    (lambda line: line.replace("User2401", "User 2401", 1), "Line 2401: A username is"),
    (lambda line: "{", "Line 2401: The text ends too early, at byte 2."),
    (lambda line: line[:-1] + ",}", "Line 2401: Unexpected byte, at byte "),
    (lambda line: line.replace("{", '{"username":"x",', 1), "Line 2401: The same member name twice"),
    (lambda line: line.replace('"deep":true', '"deep":' + "[" * 40 + "]" * 40), "Line 2401: Nested too deeply"),
    (lambda line: line.replace("R&D", "R" * 70_000), "It is line 2401."),
    (lambda line: line.replace("User2401", "User7", 1), "Line 2401: line 7 has this username."),
])
def test_the_line_at_fault_is_named_and_nothing_is_imported(daemon, folder, damage, message):
    lines = lines_of(canonical(number) for number in range(1, 2_501)).splitlines()
    lines[2_400] = damage(lines[2_400])
    file = folder / "users.jsonl"
    file.write_text("\n".join(lines) + "\n")
    done = run("user", "import", file, socket=daemon.admin)
    assert done.returncode == REFUSED and done.stdout == ""
    assert message in done.stderr and done.stderr.endswith("Nothing is imported.\n") and done.stderr.count("\n") == 1
    assert export(daemon) == ""


def test_blank_lines_carriage_returns_and_standard_input(daemon):
    text = lines_of(user(f"user{number}") for number in range(3)).replace("\n", "\r\n\n  \n")
    done = run("user", "import", "-", socket=daemon.admin, input=text.rstrip())
    assert (done.returncode, done.stdout) == (OK, "3 users are imported.\n"), done
    done = run("user", "import", "-", socket=daemon.admin, input='{"username":"one","email":"one@example.org"}')
    assert (done.returncode, done.stdout) == (OK, "1 user is imported.\n"), done
    text = lines_of([user("user3")]) + "\n\n" + lines_of([user("no good")])
    assert "Line 4: A username is" in run("user", "import", "-", socket=daemon.admin, input=text).stderr


def test_an_empty_file(daemon):
    done = run("user", "import", "-", socket=daemon.admin, input="\n")
    assert (done.returncode, done.stderr) == (LOCAL, "usherctl: There are no users in it. Nothing is imported.\n")
    assert run("user", "import", "/no/such/file", socket=daemon.admin).returncode == LOCAL


def test_another_import_is_under_way(daemon):
    with daemon.connect(admin=True) as other:
        assert_ok(other.call("IMPORT", users=[user("eve")]), "staged")
        done = run("user", "import", "-", socket=daemon.admin, input=lines_of([user("ada")]))
    assert done.returncode == RETRY_LATER and done.stderr.endswith(" s.\n") and "Nothing is imported." in done.stderr


def test_replies_as_they_are(daemon):
    done = run("user", "import", "-", "--json", socket=daemon.admin, input=lines_of([user("ada")]))
    assert json.loads(done.stdout) == {"id": 2, "ok": True, "imported": 1}
    done = run("user", "import", "-", "--json", socket=daemon.admin, input=lines_of([user("ada")]))
    assert done.returncode == REFUSED and json.loads(done.stdout)["error"] == "account_exists"
    page = json.loads(run("user", "export", "--json", socket=daemon.admin).stdout)
    assert page["users"][0]["password_hash"] == HASH and page["next"] is None


def test_progress_is_shown_on_a_terminal(daemon, folder):
    file = folder / "users.jsonl"
    file.write_text(lines_of(canonical(number) for number in range(1, 5_001)))
    terminal = Terminal("user", "import", file, "--socket", daemon.admin)
    assert terminal.wait() == OK
    assert b" users sent, " in terminal.output and b" %" in terminal.output
    assert terminal.output.endswith(b"\r\x1b[K5,000 users are imported.\r\n")


def test_a_daemon_that_goes_half_way(folder):
    """Before the last step nothing is imported; when that is unanswered, nobody can know."""
    counts = {"before": 0, "commit": 1}
    for moment, staged in counts.items():
        replies = iter([{"staged": 1}] * staged)
        place = folder / moment
        place.mkdir()
        with FakeDaemon(place, {"IMPORT": lambda request: next(replies, None)}) as fake:
            done = run("user", "import", "-", socket=fake.socket, input=lines_of([user("ada")]))
            assert done.returncode == UNREACHABLE
            assert len(fake.requests) == staged + 1
            assert ("is not known" if staged else "Nothing is imported.") in done.stderr


# Each command's request


@pytest.mark.parametrize("words, request_", [
    (["list"], {"op": "USER_LIST", "limit": 100}),
    (["list", "ad", "--role", "editor", "--disabled", "--limit", "7", "--after", "x"],
     {"op": "USER_LIST", "search": "ad", "role": "editor", "disabled": True, "limit": 7, "after": "x"}),
    (["list", "--enabled"], {"op": "USER_LIST", "disabled": False, "limit": 100}),
    (["show", "ada"], {"op": "USER_SHOW", "user": "ada"}),
    (["add", "ada", "ada@example.org", "--no-password"], {"op": "USER_ADD", "username": "ada", "email": "ada@example.org"}),
    (["add", "ada", "ada@example.org", "--role", "editor", "--permission", "a:b", "--permission", "c", "--claim", "name=R&D = \"x\"", "--claim-json",
      "n={\"a\":[1]}", "--email-verified"],
     {"op": "USER_ADD", "username": "ada", "email": "ada@example.org", "role": "editor", "permissions": ["a:b", "c"],
      "claims": {"name": "R&D = \"x\"", "n": {"a": [1]}}, "email_verified": True, "password": "correct horse"}),
    (["set", "ada", "--username", "hedy", "--email", "hedy@example.org", "--no-email-verified", "--role", "user", "--grant", "a", "--revoke", "b", "--claim",
      "x=1", "--no-claim", "y", "--no-second-factor", "--password"],
     {"op": "USER_SET", "user": "ada", "username": "hedy", "email": "hedy@example.org", "email_verified": False, "role": "user", "grant": ["a"],
      "revoke": ["b"], "claims": {"x": "1", "y": None}, "second_factor": False, "password": "correct horse"}),
    (["set", "ada", "--permissions", "a:*,b"], {"op": "USER_SET", "user": "ada", "permissions": ["a:*", "b"]}),
    (["set", "ada", "--permissions", "", "--email-verified"], {"op": "USER_SET", "user": "ada", "permissions": [], "email_verified": True}),
    (["enable", "ada"], {"op": "USER_SET", "user": "ada", "disabled": False}),
    (["disable", "ada"], {"op": "USER_SET", "user": "ada", "disabled": True}),
    (["delete", "ada", "--yes"], {"op": "USER_DELETE", "user": "ada"}),
    (["sessions", "ada"], {"op": "USER_SESSIONS", "user": "ada"}),
    (["logout", "ada"], {"op": "USER_LOGOUT", "user": "ada"}),
    (["logout", "ada", "s1"], {"op": "USER_LOGOUT", "user": "ada", "session": "s1"}),
])
def test_what_it_asks(folder, words, request_):
    everything = {"user": ADA, "users": [ADA], "after": None, "sessions": [], "sessions_ended": 2}
    operation = request_["op"]
    with FakeDaemon(folder, {operation: everything}) as fake:
        done = run("user", *words, socket=fake.socket, input="correct horse\n")
        assert done.returncode == OK, done
        assert fake.requests == [request_]
        done = run("user", *words, "--json", socket=fake.socket, input="correct horse")
        assert json.loads(done.stdout) == {"id": 1, "ok": True, **everything}
        assert done.stderr == "" and fake.requests == [request_] * 2
    place = folder / "refusing"
    place.mkdir()
    with FakeDaemon(place, {operation: NOBODY}) as fake:
        done = run("user", *words, socket=fake.socket, input="correct horse")
        assert (done.returncode, done.stdout, done.stderr) == (REFUSED, "", "usherctl: There is no such user.\n")


def test_a_user_as_people_read_it(folder):
    hostile = {**ADA, "claims": {"x": "\x1b[2J\x7f"}, "role": "\x1b[2J", "second_factor": True}
    with FakeDaemon(folder, {"USER_SHOW": {"user": hostile}}) as fake:
        shown = run("user", "show", "ada", socket=fake.socket).stdout
    values = dict(line.split(None, 1) for line in shown.splitlines() if " " in line)
    assert values["created_at:"] == "2023-11-14 22:13:20" and values["last_login_at:"] == "-" and values["second_factor:"] == "yes"
    assert values["role:"] == r"\u{1b}[2J"
    assert values["x:"] == r"\u{1b}[2J\u{7f}"
    assert "\x1b" not in shown and "\x7f" not in shown


def test_pages(folder):
    """One that is not the last may be empty: the daemon looked at many, and found nobody."""
    pages = {None: {"users": [ADA], "after": "1"}, "1": {"users": [], "after": "2"}, "2": {"users": [{**ADA, "username": "hedy"}], "after": None}}
    with FakeDaemon(folder, {"USER_LIST": lambda request: pages[request.get("after")]}) as fake:
        done = run("user", "list", "--limit", 1, socket=fake.socket)
        assert done.stderr == "There are more: --after 1, or --all.\n" and "hedy" not in done.stdout and len(fake.requests) == 1
        done = run("user", "list", "--limit", 2, socket=fake.socket)
        assert done.stderr == "" and done.stdout.startswith("USERNAME  EMAIL ") and done.stdout.count("USERNAME") == 1 and "\nhedy " in done.stdout
        assert [request["limit"] for request in fake.requests[1:]] == [2, 1, 1]
        assert run("user", "list", "--all", "--limit", 1, socket=fake.socket).stdout == done.stdout
        assert [request["limit"] for request in fake.requests[4:]] == [1, 1, 1]
        lines = run("user", "list", "--all", "--json", socket=fake.socket).stdout.splitlines()
        assert [json.loads(line)["after"] for line in lines] == ["1", "2", None]
        assert run("user", "list", "--after", 1, "--limit", 1, socket=fake.socket).returncode == OK
    place = folder / "empty"
    place.mkdir()
    with FakeDaemon(place, {"USER_LIST": {"users": [], "after": None}}) as fake:
        assert run("user", "list", socket=fake.socket).stderr == "There are none.\n"


@pytest.mark.parametrize("words", [
    ["set", "ada"], ["set", "ada", "--permissions", "a", "--grant", "b"], ["set", "ada", "--claim", "x"], ["set", "ada", "--claim-json", "x={"],
    ["set", "ada", "--claim-json", 'x=1,"role":"admin"'], ["set", "ada", "--claim", "x=1", "--no-claim", "x"], ["list", "--limit", "0"],
    ["list", "--limit", "1001"], ["list", "--disabled", "--enabled"], ["show"], ["delete", "ada"], ["show", "ada", "--timeout", "0"], ["frob"],
    ["add", "ada", "ada@example.org", "--password", "secret"],
])
def test_command_lines_that_are_no_good(folder, words):
    with FakeDaemon(folder, {}) as fake:
        done = run("user", *words, socket=fake.socket)
        assert done.returncode == USAGE and done.stdout == "" and done.stderr
        assert fake.requests == []


def test_no_daemon(folder):
    done = run("user", "show", "ada", socket=folder / "none")
    assert done.returncode == UNREACHABLE and "No such file or directory." in done.stderr and "doctor" in done.stderr


# Passwords


def test_an_empty_password_is_none(folder):
    with FakeDaemon(folder, {}) as fake:
        for text in ("", "\n", "\nsecond line\n"):
            done = run("user", "add", "ada", "a@x", socket=fake.socket, input=text)
            assert done.returncode == LOCAL and "There is no password" in done.stderr
        assert fake.requests == []


def test_a_password_is_typed_twice_and_never_shown(folder):
    with FakeDaemon(folder, {"USER_ADD": {"user": ADA}}) as fake:
        terminal = Terminal("user", "add", "ada", "ada@example.org", "--socket", fake.socket)
        before = terminal.settings()
        terminal.wait_for("New password: ").type("corrrect\x7f\x7f\x7f\x7féé\x7f\x7fect horsé\r").wait_for("Once more: ").type("wrong\x15correct horsé\r")
        terminal.wait_for("ada@example.org")
        assert terminal.settings() == before
        assert terminal.wait() == OK
        assert fake.requests[0]["password"] == "correct horsé"
        assert b"horse" not in terminal.output and b"correct" not in terminal.output


def test_two_different_passwords(folder):
    with FakeDaemon(folder, {}) as fake:
        terminal = Terminal("user", "set", "ada", "--password", "--socket", fake.socket)
        terminal.wait_for("New password: ").type("one\r").wait_for("Once more: ").type("other\r")
        assert terminal.wait() == LOCAL and b"two different passwords" in terminal.output
        assert fake.requests == []


def test_ctrl_c_gives_the_terminal_back(folder):
    with FakeDaemon(folder, {}) as fake:
        terminal = Terminal("user", "set", "ada", "--password", "--socket", fake.socket)
        before = terminal.settings()
        terminal.wait_for("New password: ")
        assert terminal.settings() != before
        terminal.type("half a passw\x03").wait_for("\r\n")
        assert terminal.settings() == before
        assert terminal.wait() == 130
        assert fake.requests == []


def test_deleting_is_asked_about(folder):
    for answer, status in (("y", OK), ("n", REFUSED), ("", REFUSED)):
        place = folder / f"a{answer}"
        place.mkdir()
        with FakeDaemon(place, {"USER_DELETE": {"user": ADA, "deleted": True}}) as fake:
            terminal = Terminal("user", "delete", "ada", "--socket", fake.socket)
            terminal.wait_for("for good? [y/N] ").type(answer + "\r")
            assert terminal.wait() == status
            assert len(fake.requests) == (1 if answer == "y" else 0)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_export_that_is_interrupted_leaves_nothing(folder, number):
    hangs = threading.Event()
    page = {"users": [{"username": "ada", "password_hash": "$y$secret"}], "next": "more"}

    def export(request):
        if "after" not in request:
            return page
        hangs.wait()

    with FakeDaemon(folder, {"EXPORT": export}) as fake:
        command = [USHERCTL, "user", "export", "--output", folder / "users.jsonl", "--socket", fake.socket]
        with subprocess.Popen(command, stderr=subprocess.PIPE, env=ENVIRONMENT) as process:
            while not any(file.stat().st_size for file in folder.glob(".users.jsonl.*")):
                assert process.poll() is None
                time.sleep(0.01)
            process.send_signal(number)
            assert process.wait(PATIENCE) == -number
        hangs.set()
    assert os.listdir(folder) == ["fake"]
