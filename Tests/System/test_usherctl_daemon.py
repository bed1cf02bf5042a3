"""What usherctl tells of the daemon, and does with roles, against one that plays a part."""

import json
import os
import signal
import stat
import subprocess
import threading
import time

import pytest

from .daemon import eventually
from .usherctl import ENVIRONMENT, LOCAL, OK, REFUSED, RETRY_LATER, UNREACHABLE, USAGE, USHERCTL, FakeDaemon, Terminal, run

BOUNDS = [1_000, 10_000, 1_000_000, 100_000_000]


def status(**more):
    return {
        "server": "usherd", "version": "7.1", "started_at": 1_700_000_000, "uptime": 93_784, "connections": 42, "max_connections": 4_096, "accepted": 99,
        "turned_away": 0, "watching": 1, "in_flight": 3, "verified": 18_201, "revocations": 12, "unsettled_revocations": 0, "throttle_buckets": 5,
        "hashing": {"workers": 2, "busy": 1, "queue": 4, "max_queue": 64}, "store": {"health": "working", "queue": 0, "max_queue": 1_024},
        "latency_bounds_ns": BOUNDS,
        "operations": [
            {"op": "LOGIN", "requests": 10, "results": {"ok": 7, "invalid_credentials": 3}, "timed": 10, "time_ns": 1, "latency": [0, 0, 0, 9, 1]},
            {"op": "VERIFY", "requests": 20_000, "results": {"ok": 20_000}, "timed": 100, "time_ns": 1, "latency": [60, 39, 1, 0, 0]},
        ],
        **more,
    }


# Roles


@pytest.mark.parametrize("words, request_", [
    (["list"], {"op": "ROLE_LIST"}),
    (["show", "editor"], {"op": "ROLE_SHOW", "role": "editor"}),
    (["grant", "editor", "post:*", "page:edit"], {"op": "ROLE_GRANT", "role": "editor", "permissions": ["post:*", "page:edit"]}),
    (["revoke", "editor", "post:*"], {"op": "ROLE_REVOKE", "role": "editor", "permissions": ["post:*"]}),
    (["delete", "editor", "--yes"], {"op": "ROLE_DELETE", "role": "editor"}),
])
def test_what_it_asks_of_roles(folder, words, request_):
    reply = {"role": {"name": "editor", "permissions": ["post:*"]}, "roles": [{"name": "editor", "permissions": ["a", "b"], "users": 3}]}
    with FakeDaemon(folder, {request_["op"]: reply}) as fake:
        done = run("role", *words, socket=fake.socket)
        assert done.returncode == OK and "editor" in done.stdout and fake.requests == [request_]
        assert json.loads(run("role", *words, "--json", socket=fake.socket).stdout) == {"id": 1, "ok": True, **reply}


def test_roles_of_all_pages(folder):
    pages = {None: {"roles": [{"name": "admin", "permissions": ["*:*"]}], "after": "admin"}, "admin": {"roles": [{"name": "user", "permissions": []}], "after": None}}
    with FakeDaemon(folder, {"ROLE_LIST": lambda request: pages[request.get("after")]}) as fake:
        assert [line.split() for line in run("role", "list", socket=fake.socket).stdout.splitlines()] == [
            ["NAME", "PERMISSIONS"], ["admin", "*:*"], ["user", "-"]]


# What it is doing


def test_status(folder):
    with FakeDaemon(folder, {"STATUS": status()}) as fake:
        shown = run("status", socket=fake.socket).stdout
    assert "\nstarted_at:            2023-11-14 22:13:20\n" in shown and "\nhashing:\n  workers:   2\n" in shown
    rows = {line.split()[0]: line.split()[1:] for line in shown.splitlines()[-3:]}
    assert rows == {
        "OPERATION": ["REQUESTS", "REFUSED", "P50", "P99"], "LOGIN": ["10", "3", "100", "ms", ">100", "ms"],
        "VERIFY": ["20,000", "0", "1", "us", "10", "us"],
    }


@pytest.mark.parametrize("code, status_, expected", [("busy", 503, RETRY_LATER), ("internal", 500, RETRY_LATER), ("forbidden_op", 403, REFUSED)])
def test_refusals(folder, code, status_, expected):
    refusal = {"error": code, "message": "Not now.", "status": status_, "retry_after_ms": 1_500}
    with FakeDaemon(folder, {"STATUS": refusal}) as fake:
        done = run("status", socket=fake.socket)
        assert done.returncode == expected and done.stdout == "" and done.stderr.startswith("usherctl: Not now.")
        done = run("status", "--json", socket=fake.socket)
        assert done.returncode == expected and json.loads(done.stdout)["error"] == code


def test_a_daemon_that_hangs(folder):
    release = threading.Event()
    with FakeDaemon(folder, {"STATUS": lambda request: release.wait() and None}) as fake:
        start = time.monotonic()
        done = run("status", "--timeout", "1", socket=fake.socket)
        release.set()
    assert done.returncode == UNREACHABLE and "in time" in done.stderr and 0.9 < time.monotonic() - start < 30


def test_clients_of_all_pages(folder):
    def page(request):
        first = "after" not in request
        one = {"pid": os.getpid() if first else 2**22 + 1, "uid": os.getuid(), "gid": 0, "socket": "app", "age": 61, "requests": 1_000, "in_flight": 2,
               "watching": not first}
        return {"clients": [one], "after": 7 if first else None}

    with FakeDaemon(folder, {"CLIENTS": page}) as fake:
        lines = run("clients", socket=fake.socket).stdout.splitlines()
        assert fake.requests == [{"op": "CLIENTS"}, {"op": "CLIENTS", "after": 7}]
        assert lines[0].split()[:3] == ["PROCESS", "PROGRAM", "USER"]
        assert lines[1].split()[0] == str(os.getpid()) and lines[1].split()[-5:] == ["app", "61", "s", "1000", "2"]
        assert lines[2].split()[1] == "-" and lines[2].split()[-1] == "watching"
        assert len(run("clients", "--json", socket=fake.socket).stdout.splitlines()) == 2


def test_metrics_as_a_file_that_is_always_whole(folder):
    text = "# HELP usher_connections Connections.\nusher_connections 3\n"
    file = folder / "usher.prom"
    with FakeDaemon(folder, {"METRICS": {"metrics": text}}) as fake:
        assert run("metrics", socket=fake.socket).stdout == text
        done = run("metrics", "--textfile", file, socket=fake.socket)
        assert (done.returncode, done.stdout, file.read_text()) == (OK, "", text)
        assert stat.S_IMODE(file.stat().st_mode) == 0o644
        assert run("metrics", "--textfile", folder / "usher.txt", socket=fake.socket).returncode == USAGE
        assert run("metrics", "--textfile", "/no/such/folder/x.prom", socket=fake.socket).returncode == LOCAL
    # A daemon that is gone leaves the last one alone, and no draft.
    assert run("metrics", "--textfile", file, socket=folder / "none").returncode == UNREACHABLE
    assert file.read_text() == text and sorted(os.listdir(folder)) == ["fake", "usher.prom"]


def test_monitor(folder):
    events = [
        {"event": {"at": 1_700_000_000, "kind": "login", "priority": "info", "message": "LOGIN granted", "fields": {"USHER_OP": "LOGIN", "USHER_USER": "a b"}}},
        {"event": {"at": 1_700_000_001, "priority": "notice", "message": "\x1b[2J", "fields": {}}},
        {"ok": False, "error": "busy", "message": "You read too slowly to watch.", "status": 503, "retry_after_ms": 1_000},
    ]
    with FakeDaemon(folder, {"MONITOR": [{}, *events]}) as fake:
        done = run("monitor", socket=fake.socket)
        assert done.returncode == RETRY_LATER and "too slowly" in done.stderr
        assert done.stdout.splitlines() == [
            '2023-11-14 22:13:20  info  LOGIN granted  kind=login  USHER_OP=LOGIN  USHER_USER="a b"', "2023-11-14 22:13:21  notice  \\u{1b}[2J",
        ]
        done = run("monitor", "--json", socket=fake.socket)
        assert [json.loads(line) for line in done.stdout.splitlines()] == events
    place = folder / "ends"
    place.mkdir()
    with FakeDaemon(place, {"MONITOR": [{}, events[0]]}) as fake:
        assert run("monitor", socket=fake.socket).returncode == UNREACHABLE


# top


def rates():
    """VERIFY is asked 1,000 times between two looks."""
    asked = [0]

    def answer(request):
        asked[0] += 1_000
        reply = status()
        verify = reply["operations"][1]
        verify["requests"] += asked[0]
        verify["latency"][0] += asked[0]
        return reply

    return answer


def screen(output):
    """What stands on an 80 by 24 terminal after the last drawing."""
    page = output.rsplit(b"\x1b[H", 1)[1].split(b"\x1b[J")[0]
    return page.replace(b"\x1b[K", b"").decode().split("\r\n")


def test_top_fits_the_terminal_and_gives_it_back(folder):
    many = status()["operations"] + [{"op": f"OP{n}", "requests": n, "results": {}, "latency": []} for n in range(40)]
    with FakeDaemon(folder, {"STATUS": lambda request: status(operations=many)}) as fake:
        for end in ("q", "\x03", signal.SIGTERM):
            terminal = Terminal("top", "--socket", fake.socket)
            terminal.wait_for("TOTAL")
            terminal.wait_for("\x1b[J")
            shown = screen(terminal.output)
            assert len(shown) == 24 and all(len(line) <= 80 for line in shown)
            assert shown[0] == "usherd 7.1, up 1 d 02:03:04; q quits" and shown[6].startswith("VERIFY ")
            terminal.type(end) if isinstance(end, str) else os.kill(terminal.pid, end)
            terminal.wait_for("\x1b[?1049l")
            assert terminal.settings()[3] & 0o12, "echo and lines are on again"
            assert terminal.wait() == OK
            assert terminal.output.count(b"\x1b[?1049h") == 1 and terminal.output.endswith(b"\x1b[?25h\x1b[?1049l")


def test_top_tells_rates_and_waits_for_a_daemon_that_is_away(folder):
    with FakeDaemon(folder, {"STATUS": rates()}) as fake:
        terminal = Terminal("top", "--socket", fake.socket).wait_for("\x1b[J")

        def has_rate():
            terminal.read()
            (row,) = [line.split() for line in screen(terminal.output) if line.startswith("VERIFY")] or [[]]
            return len(row) > 1 and 700 < int(row[1].replace(",", "")) < 1_300

        eventually(has_rate, "a rate of about a thousand a second")
        here = fake.replies["STATUS"]
        fake.replies["STATUS"] = None
        start = len(terminal.output)
        terminal.wait_for("DOES NOT ANSWER", start)
        fake.replies["STATUS"] = here
        start = len(terminal.output)
        terminal.wait_for("42 of 4,096 connections", start)
        assert terminal.type("q").wait() == OK


def test_top_needs_a_terminal_and_a_daemon(folder):
    assert run("top", socket=folder / "none").returncode == USAGE
    terminal = Terminal("top", "--socket", folder / "none")
    assert terminal.wait() == UNREACHABLE and b"\x1b" not in terminal.output


# Output that goes nowhere


def test_what_cannot_be_written_is_told(folder):
    with FakeDaemon(folder, {"STATUS": status()}) as fake, open("/dev/full", "wb") as full:
        done = subprocess.run([USHERCTL, "status", "--socket", fake.socket], stdout=full, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT)
    assert done.returncode == LOCAL and "standard output: No space left on device." in done.stderr


# Terminals obey the one, and arithmetic fails at the other.
EVIL, HUGE = "\x1b[31m\x9b\u202e\r\n\x7fé", 2**63 - 1
LIES = {
    "id": EVIL, "username": EVIL, "permissions": [EVIL], "claims": {EVIL: EVIL}, "created_at": HUGE, "last_login_at": -HUGE, EVIL: EVIL,
    "client": {"ip": EVIL, "user_agent": EVIL}, "name": EVIL, "pid": HUGE, "uid": HUGE, "socket": EVIL, "age": -HUGE, "requests": HUGE,
    "op": EVIL, "results": {"ok": -HUGE}, "latency": [HUGE, HUGE, "x", None], "at": HUGE,
}
LYING = {
    "user": LIES, "users": [LIES], "role": LIES, "roles": [LIES], "sessions": [LIES], "clients": [LIES], "sessions_ended": -HUGE, "version": EVIL,
    "uptime": HUGE, "connections": HUGE, "operations": [LIES], "latency_bounds_ns": [1, HUGE], "hashing": {"busy": HUGE}, "store": {"health": EVIL},
}
EVENT = {"event": {"at": HUGE, "kind": EVIL, "priority": EVIL, "message": EVIL, "fields": {EVIL: EVIL}}}


@pytest.mark.parametrize("words, op", [
    (["user", "show", "x"], "USER_SHOW"), (["user", "list"], "USER_LIST"), (["user", "sessions", "x"], "USER_SESSIONS"),
    (["user", "logout", "x"], "USER_LOGOUT"), (["role", "list"], "ROLE_LIST"), (["role", "show", "x"], "ROLE_SHOW"), (["status"], "STATUS"),
    (["clients"], "CLIENTS"), (["monitor"], "MONITOR"),
])
def test_nothing_from_elsewhere_reaches_the_terminal_as_it_is(folder, words, op):
    refusal = {"error": EVIL, "message": EVIL, "status": HUGE, "retry_after": -HUGE}
    for reply in [[{}, EVENT, {EVIL: EVIL}] if op == "MONITOR" else LYING, refusal]:
        with FakeDaemon(folder, {op: reply}) as fake:
            done = run(*words, socket=fake.socket)
            told = [json.loads(line) for line in run(*words, "--json", socket=fake.socket).stdout.splitlines()]
        fake.socket.unlink()
        assert done.returncode in (OK, REFUSED, UNREACHABLE, RETRY_LATER), done
        assert all(character == "\n" or " " <= character <= "~" for character in done.stdout + done.stderr), done
        assert told, "each line is JSON"


def test_an_output_that_is_closed_is_not_the_connection(folder):
    with FakeDaemon(folder, {"ROLE_SHOW": {"role": {"name": "editor"}}}) as fake:
        shell = ["sh", "-c", 'exec "$@" <&- >&-', "sh", USHERCTL, "role", "show", "editor", "--socket", fake.socket]
        done = subprocess.run(shell, capture_output=True, text=True, env=ENVIRONMENT)
        assert done.returncode == LOCAL and "standard output" in done.stderr
        assert fake.requests == [{"op": "ROLE_SHOW", "role": "editor"}]
