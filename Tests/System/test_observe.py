"""What the daemon says of itself on the admin socket: STATUS, CLIENTS, METRICS, MONITOR."""

import math
import os
import re
import threading

import pytest

from .connection import assert_failure, assert_ok, parse_reply, strict_loads
from .daemon import eventually
from .people import Person, fresh_password

OBSERVING = ("STATUS", "CLIENTS", "METRICS", "MONITOR")
WATCHERS = 16


@pytest.fixture
def daemon(make):
    return make(admin=True).start()


@pytest.fixture
def admin(daemon):
    with daemon.connect(admin=True) as connection:
        yield connection


def status(admin):
    return assert_ok(admin.call("STATUS"))


def operation(admin, op):
    """What STATUS says of one operation."""
    return next((entry for entry in status(admin)["operations"] if entry["op"] == op), None)


def watch(daemon):
    watcher = daemon.connect(admin=True)
    assert_ok(watcher.call("MONITOR"))
    return watcher


def event(watcher):
    """The next event; it is parsed as strictly as a reply."""
    line = watcher.read_line()
    assert line is not None, "the daemon closed the connection"
    ((name, members),) = strict_loads(line.decode()).items()
    assert name == "event" and set(members) == {"at", "kind", "priority", "message", "fields"}, line
    assert all(isinstance(value, str) for value in members["fields"].values()), line
    # What the journal had in hand from the start may come after the reply.
    return event(watcher) if members["kind"] in ("ready", "notice") else members


@pytest.mark.parametrize("op", OBSERVING)
def test_apps_may_not_look(daemon, op):
    with daemon.connect() as connection:
        assert_failure(connection.call(op), "forbidden_op")


# STATUS


def test_status_counts_what_is_asked(daemon, admin):
    with daemon.connect() as app:
        person = Person(app)
        for _ in range(130):
            assert_ok(app.call("VERIFY", token=person.access))
        assert_failure(app.call("VERIFY", token="x"), "token_invalid")
        assert_failure(app.call("LOGIN", login=person.username, password="wrong horse"), "invalid_credentials")
        app.ask("nonsense")
        said = status(admin)
        assert said["connections"] == 2 and said["in_flight"] == 0 and said["verified"] == 130
        assert said["hashing"]["queue"] == 0 and said["hashing"]["workers"] >= 1 and said["store"]["health"] == "working"
        assert said["version"] == app.ask("PING")["version"]
        verify = operation(admin, "VERIFY")
        assert verify["results"] == {"ok": 130, "token_invalid": 1} and verify["requests"] == 131 and verify["timed"] == 3
        login = operation(admin, "LOGIN")
        assert login["results"] == {"ok": 0, "invalid_credentials": 1} and login["timed"] == 1
        assert operation(admin, "unknown")["results"] == {"ok": 0, "bad_request": 1}
        for entry in said["operations"]:
            assert len(entry["latency"]) == len(said["latency_bounds_ns"]) + 1 and sum(entry["latency"]) == entry["timed"]
            assert sum(entry["results"].values()) == entry["requests"]
        # A hash takes its time, a VERIFY does not.
        assert login["time_ns"] > 100_000 and 0 < verify["time_ns"] / verify["timed"] < 50_000_000


def test_a_request_under_way_is_in_flight(make):
    daemon = make({"password": {"scheme": "bcrypt", "cost": 12, "workers": 1}}, admin=True).start()
    with daemon.connect() as app, daemon.connect(admin=True) as admin:
        for number in range(4):
            app.send({"op": "LOGIN", "id": number, "login": "nobody", "password": "x"})
        said = eventually(lambda: (s := status(admin))["hashing"]["busy"] and s, "a hash")
        assert said["in_flight"] >= 1 and said["hashing"]["busy"] == 1
        (client,) = [client for client in admin.call("CLIENTS")["clients"] if client["socket"] == "app"]
        assert client["requests"] == 4 and 1 <= client["in_flight"] <= 4
        for _ in range(4):
            app.read_line()
        assert status(admin)["in_flight"] == 0


# CLIENTS


def test_clients_are_whoever_is_connected(daemon, admin):
    connections = [daemon.connect() for _ in range(30)]
    for _ in range(3):
        connections[7].ask("PING")
    seen, after, pages = [], {}, 0
    while True:
        page = assert_ok(admin.call("CLIENTS", limit=10, **after), "clients", "after")
        seen += page["clients"]
        pages += 1
        if page["after"] is None:
            break
        after = {"after": page["after"]}
    assert pages == 4 and len(seen) == 31
    assert all((client["pid"], client["uid"], client["gid"]) == (os.getpid(), os.getuid(), os.getgid()) for client in seen)
    assert sorted(client["requests"] for client in seen if client["socket"] == "app") == [0] * 29 + [3]
    (own,) = [client["requests"] for client in seen if client["socket"] == "admin"]
    assert 1 <= own <= 4
    assert all(0 <= client["age"] < 60 and not client["watching"] for client in seen)
    for member, value in (("limit", 0), ("limit", 1_001), ("limit", "x"), ("after", -1), ("after", "x")):
        assert_failure(admin.call("CLIENTS", **{member: value}), "invalid_field", field=member)


def test_ages_are_of_each(daemon, admin):
    with daemon.connect():
        eventually(lambda: min(client["age"] for client in admin.call("CLIENTS")["clients"]) >= 1, "a second")


# METRICS

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\\\|\\"|\\n)*)"'
SAMPLE = re.compile(rf"({NAME})(?:\{{({LABEL}(?:,{LABEL})*)\}})? (-?[0-9.]+(?:e[+-]?[0-9]+)?)")


def parse_metrics(text):
    """
    Prometheus' text format 0.0.4, more strictly than Prometheus: each family once, HELP and TYPE before its samples, no other comment, no sample
    twice, no time stamps. Returns the types, and the values by name and labels.
    """
    assert text.endswith("\n") and "\n\n" not in text
    types, values, family, helped = {}, {}, None, None
    for line in text[:-1].split("\n"):
        if match := re.fullmatch(rf"# HELP ({NAME}) (\S.*)", line):
            helped = match[1]
            assert helped not in types, line
        elif match := re.fullmatch(rf"# TYPE ({NAME}) (counter|gauge|histogram)", line):
            family = match[1]
            assert helped == family and family not in types, line
            types[family] = match[2]
            assert (match[2] == "counter") == family.endswith("_total"), line
        else:
            match = SAMPLE.fullmatch(line)
            assert match and family, line
            suffix = match[1].removeprefix(family)
            assert match[1].startswith(family), line
            assert suffix in (("_bucket", "_sum", "_count") if types[family] == "histogram" else ("",)), line
            labels = tuple(sorted((name, value) for name, value in re.findall(LABEL, match[2] or "")))
            assert len({name for name, _ in labels}) == len(labels) and (match[1], labels) not in values, line
            assert ("le" in dict(labels)) == (suffix == "_bucket"), line
            values[match[1], labels] = float(match[len(match.groups())])
    return types, values


def histograms(types, values):
    """Checks each histogram, and returns the counts of its buckets by their upper ends, by its labels."""
    found = {}
    for family in (name for name, kind in types.items() if kind == "histogram"):
        for name, labels in values:
            if name == f"{family}_bucket":
                rest = tuple(label for label in labels if label[0] != "le")
                found.setdefault((family, rest), {})[float(dict(labels)["le"])] = values[name, labels]
    for (family, labels), buckets in found.items():
        ends = list(buckets)
        assert ends == sorted(ends) and ends[-1] == math.inf
        assert list(buckets.values()) == sorted(buckets.values())
        assert values[f"{family}_count", labels] == buckets[math.inf] and values[f"{family}_sum", labels] >= 0
    return found


def test_metrics_are_prometheus_text(daemon, admin):
    with daemon.connect() as app:
        person = Person(app)
        for _ in range(5):
            app.call("VERIFY", token=person.access)
        app.call("VERIFY", token="x")
        types, values = parse_metrics(assert_ok(admin.call("METRICS"), "metrics")["metrics"])
    assert values["usher_requests_total", (("op", "VERIFY"), ("result", "ok"))] == 5
    assert values["usher_requests_total", (("op", "VERIFY"), ("result", "token_invalid"))] == 1
    assert values["usher_requests_total", (("op", "DELETE"), ("result", "ok"))] == 0
    assert values["usher_connections", ()] == 2 and values["usher_store_up", ()] == 1
    assert values["usher_tokens_verified_total", ()] == 5
    assert types["usher_connections"] == "gauge"
    ((_, labels),) = [key for key in values if key[0] == "usher_build_info"]
    assert dict(labels)["version"] == status(admin)["version"]
    assert abs(values["process_start_time_seconds", ()] - os.stat(daemon.socket).st_mtime) < 60
    found = histograms(types, values)
    buckets = found["usher_request_duration_seconds", (("op", "REGISTER"),)]
    assert buckets[math.inf] == 1
    assert buckets == {**buckets, 0.001: buckets[0.001]}, "a bound that stays"
    # Counters only grow, and their names stay.
    again, later = parse_metrics(admin.call("METRICS")["metrics"])
    assert again == types
    for key, value in values.items():
        if types.get(key[0]) == "counter":
            assert later[key] >= value


def test_the_parser_is_strict():
    good = "# HELP a_total x\n# TYPE a_total counter\na_total{b=\"c\\\"\"} 1\n"
    assert parse_metrics(good)[1] == {("a_total", (("b", 'c\\"'),)): 1}
    for wrong in (
        good[:-1], good + "\n", good + "a_total{b=\"c\\\"\"} 1\n", good + good, good + "b 1\n", "a_total 1\n",
        good.replace(" 1\n", " 1 5\n"), good.replace("counter", "gauge"), good.replace("b=", "1b="), good.replace(" 1\n", " x\n"),
    ):
        with pytest.raises(AssertionError):
            parse_metrics(wrong)


# MONITOR


def test_events_are_shown_as_they_come(daemon):
    watcher = watch(daemon)
    with daemon.connect() as app:
        person = Person(app)
        assert_failure(app.call("LOGIN", id="r-1", login=person.username, password="wrong horse"), "invalid_credentials")
    registered = event(watcher)
    assert registered["kind"] == "register" and registered["priority"] == "info"
    fields = registered["fields"]
    assert fields["op"] == "REGISTER" and fields["result"] == "ok" and fields["user"] == person.username
    assert fields["peer_uid"] == str(os.getuid()) and fields["peer_pid"] == str(os.getpid())
    refused = event(watcher)
    assert refused["kind"] == "login" and refused["fields"]["result"] == "invalid_credentials" and refused["fields"]["request"] == "r-1"
    # It is what the journal has.
    daemon.stderr.wait_for(lambda line: refused["message"] in line)


def test_no_secret_is_shown(daemon):
    watcher = watch(daemon)
    secrets = [fresh_password(), fresh_password()]
    with daemon.connect() as app:
        person = Person(app, password=secrets[0])
        secrets += [person.access, person.refresh]
        app.call("LOGIN", login=person.username, password=secrets[1])
        app.call("VERIFY", token=person.access)
        app.call("REFRESH", refresh_token=person.refresh + "x")
        app.ask('{"op":"LOGIN","password":"' + secrets[1])
        app.call("PASSWORD", token=person.access, password=secrets[0], new_password=secrets[1])
        app.call("RECOVER", email=person.email)
        app.call("REVOKE", token=person.refresh)
    lines = []
    while True:
        lines.append(watcher.read_line())
        if b'"REVOKE"' in lines[-1]:
            break
    assert len(lines) >= 4
    for secret in secrets:
        assert not any(secret.encode() in line for line in lines), secret


def test_a_thousand_events(daemon):
    watchers = [watch(daemon) for _ in range(3)]
    password = fresh_password()
    with daemon.connect() as app:
        for number in range(1_000):
            # Granted, so that none is summarised.
            app.send({"op": "REGISTER", "id": number, "username": f"u{number}", "email": f"u{number}@example.org", "password": password})
            if number % 50 == 49:
                for _ in range(50):
                    assert_ok(parse_reply(app.read_line()))
    for watcher in watchers:
        users = [event(watcher)["fields"]["user"] for _ in range(1_000)]
        assert sorted(users) == sorted(f"u{number}" for number in range(1_000))


def test_who_leaves_costs_nothing_more(daemon, admin):
    watchers = [watch(daemon) for _ in range(4)]
    assert status(admin)["watching"] == 4
    watchers[0].close()
    watchers[1].half_close()
    eventually(lambda: status(admin)["watching"] == 3, "a watcher that leaves")
    with daemon.connect() as app:
        Person(app)
    for watcher in watchers[1:]:
        assert event(watcher)["kind"] == "register"
        watcher.close()
    eventually(lambda: status(admin)["watching"] == 0 and status(admin)["connections"] == 1, "the end of all watchers")
    with daemon.connect() as app:
        Person(app)


def test_watchers_are_bounded(daemon):
    watchers = [watch(daemon) for _ in range(WATCHERS)]
    with daemon.connect(admin=True) as one_more:
        assert_failure(one_more.call("MONITOR"), "busy")
        watchers[0].close()
        eventually(lambda: one_more.call("MONITOR")["ok"], "room for a watcher")


def test_requests_go_on_between_events(daemon):
    watcher = watch(daemon)
    with daemon.connect() as app:
        Person(app)
    assert event(watcher)["kind"] == "register"
    assert_ok(watcher.call("PING"))


def test_a_slow_watcher_is_dropped_and_nobody_waits(make):
    # Each VERIFY is an event.
    daemon = make({"log": {"level": "debug"}}, admin=True).start()
    slow = watch(daemon)
    quick = watch(daemon)
    seen, done = [], threading.Event()

    def read():
        while (line := quick.read_line()) is not None:
            seen.append(line)
        done.set()

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    with daemon.connect() as app, daemon.connect(admin=True) as admin:
        before = daemon.rss_kib()
        request = {"op": "VERIFY", "token": "x" * 50, "id": "i" * 64}
        sent = 0
        while status(admin)["watching"] == 2:
            app.send(*[request] * 500)
            for _ in range(500):
                assert_failure(parse_reply(app.read_line()), "token_invalid")
            sent += 500
            assert sent < 200_000, "it is never dropped"
        assert daemon.rss_kib() - before < 16_384
        dropped, _ = daemon.stderr.wait_for(lambda line: "did not keep up" in line and "watched" in line)
        assert f":{os.getpid()}" in dropped
        # What it can still read is whole lines, and the last one says why.
        lines = []
        while (line := slow.read_line()) is not None:
            lines.append(line)
        assert all(line.startswith(b'{"event":{') and line.endswith(b"}}}") for line in lines[:-1])
        assert_failure(parse_reply(lines[-1]), "busy")
        assert status(admin)["watching"] == 1
        eventually(lambda: any(b"did not keep up" in line for line in seen), "the other watcher's word of it")
    daemon.terminate()
    assert done.wait(60), "the other watcher's connection was not closed"
    assert daemon.wait() == 0


def test_stopping_ends_it(daemon):
    watcher = watch(daemon)
    daemon.terminate()
    while (line := watcher.read_line()) is not None:
        assert line.startswith(b'{"event":{')
    assert daemon.wait() == 0
