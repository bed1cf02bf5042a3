"""The units as systemd reads them, and what their sockets do."""

import json
import re
from pathlib import Path

import pytest

from System.connection import assert_ok
from System.people import Person

from .machine import REPOSITORY
from .usher import SETTINGS

UNITS = sorted(unit.name.replace("@", "@shop") for unit in (REPOSITORY / "systemd").glob("usher*.*") if unit.suffix in (".service", ".socket", ".timer"))
METRICS, EXPORTER = "usher-metrics.service", "/var/lib/prometheus/node-exporter"
SHOP = "/run/usher/shop/usher.sock"
NOBODY = 65534

PING = """
import sys
from System.connection import Connection
for path in sys.argv[1:]:
    try:
        with Connection(path) as connection:
            print(connection.ask("PING")["server"])
    except OSError as error:
        print(error.strerror)
"""


@pytest.fixture(scope="module")
def shop(machine):
    """The group that may ask the daemon of the app shop, which runs besides the machine's own."""
    machine.run("groupadd", "--system", "usher-shop")
    machine.copy(machine.path(SETTINGS), "/etc/usher/shop.toml")
    machine.systemctl("enable", "--now", "usher@shop.socket")
    return int(machine.run("getent", "group", "usher-shop").stdout.split(":")[2])


@pytest.mark.parametrize("unit", UNITS)
def test_systemd_finds_nothing_to_complain_of(machine, shop, unit):
    done = machine.run("systemd-analyze", "verify", unit)
    assert (done.stdout, done.stderr) == ("", "")


@pytest.mark.parametrize("unit", [unit for unit in UNITS if unit.endswith(".service")])
def test_how_little_is_exposed(machine, unit):
    said = machine.run("systemd-analyze", "security", "--no-pager", unit).stdout
    # One that asks the admin socket is root's.
    most = 0.6 if unit == METRICS else 0.5
    assert float(re.search(r"Overall exposure level for .*: ([\d.]+) ", said).group(1)) <= most


def test_figures_for_the_node_exporter(machine):
    """Where it is installed, in the folder that Debian's package makes; elsewhere nothing happens."""
    machine.systemctl("start", "usher.socket")
    machine.systemctl("start", METRICS)
    assert machine.show(METRICS, "ConditionResult") == "no"
    with machine.connect() as connection:
        if not connection.ask("HELP METRICS")["ok"]:
            pytest.skip("the daemon has no METRICS yet")
    machine.run("install", "-d", "-o", str(NOBODY), str(Path(EXPORTER).parent))
    machine.run("install", "-d", EXPORTER)
    machine.systemctl("enable", "--now", "usher-metrics.timer")
    assert machine.show("usher-metrics.timer", "ActiveState") == "active"
    since = machine.now()
    machine.systemctl("start", METRICS)
    # A machine without CAP_SYS_RESOURCE can give no LimitNICE=: there threads are told EACCES.
    assert [entry["MESSAGE"] for entry in machine.journal("_COMM=usherctl", since=since) if "errno=13" not in entry["MESSAGE"]] == []
    assert "\nusher_" in machine.run("cat", f"{EXPORTER}/usher.prom").stdout
    assert machine.run("stat", "--format=%a", f"{EXPORTER}/usher.prom").stdout.strip() == "644"


@pytest.mark.parametrize("app, admin", [("usher.socket", "usher-admin.socket"), ("usher@shop.socket", "usher-admin@shop.socket")])
def test_no_start_limit_takes_the_sockets_down(machine, shop, app, admin):
    # systemd's own is five in ten seconds.
    for _ in range(8):
        machine.systemctl("restart", app)
    assert [machine.show(unit, "ActiveState") for unit in (app, admin)] == ["active", "active"]


def test_the_admin_socket_is_roots(machine):
    machine.systemctl("start", "usher.socket")
    assert machine.run("stat", "--format=%a %U %G", "/run/usher/admin.sock").stdout.strip() == "600 root root"
    assert machine.python(PING, "/run/usher/admin.sock").strip() == "usherd"
    assert machine.python(PING, "/run/usher/admin.sock", uid=NOBODY, groups=[machine.gid()]).strip() == "Permission denied"


def test_what_is_for_administrators_is_answered_on_the_admin_socket_alone(machine):
    machine.systemctl("start", "usher.socket")
    since = machine.now()
    script = """
import sys
from System.connection import Connection
with Connection(sys.argv[1]) as connection:
    for op in ("EXPORT", "IMPORT"):
        reply = connection.call(op, id=f"{op} from {sys.argv[2]}", limit=1, users=[{"username": "grace", "email": "grace@example.org"}])
        print(reply.get("error", "ok"))
"""
    refused = machine.python(script, "/run/usher/usher.sock", "an app", uid=NOBODY, groups=[machine.gid()]).split()
    assert refused == ["forbidden_op", "forbidden_op"]
    # It is the socket that counts: there root is an app, too.
    assert machine.python(script, "/run/usher/usher.sock", "root").split() == ["forbidden_op", "forbidden_op"]
    assert machine.python(script, "/run/usher/admin.sock", "root there").split() == ["ok", "ok"]
    event = machine.logged("USHER_REQUEST=IMPORT from an app", since=since)
    assert (event["USHER_RESULT"], event["USHER_PEER_UID"], event["PRIORITY"]) == ("forbidden_op", str(NOBODY), "5")
    assert machine.logged("USHER_REQUEST=EXPORT from root there", since=since)["USHER_PEER_UID"] == "0"


def test_each_app_has_a_daemon_that_another_cannot_ask(machine, shop):
    both = ["/run/usher/usher.sock", SHOP]
    assert machine.python(PING, *both, uid=NOBODY, groups=[machine.gid()]).splitlines() == ["usherd", "Permission denied"]
    assert machine.python(PING, *both, uid=NOBODY, groups=[shop]).splitlines() == ["Permission denied", "usherd"]


def test_each_app_has_users_and_secrets_of_its_own(machine, shop):
    with machine.connect(SHOP) as there, machine.connect() as here:
        person = Person(there)
        assert_ok(there.call("VERIFY", token=person.access), "claims")
        assert here.call("VERIFY", token=person.access)["error"] == "token_invalid"
        assert here.call("LOGIN", username=person.username, password=person.password)["error"] == "invalid_credentials"
    machine.systemctl("restart", "usher@shop.service")
    with machine.connect(SHOP) as there:
        assert_ok(there.call("VERIFY", token=person.access), "claims")
    owners = machine.run("stat", "--format=%a %U", "/var/lib/usher", "/var/lib/private/usher@shop").stdout.splitlines()
    assert owners == ["700 usherd", "700 usherd-shop"]


def test_an_instance_sees_the_uid_of_who_asks(machine, shop):
    since = machine.now()
    request = {"op": "LOGIN", "login": "nobody-of-that-name", "password": "wrong horse", "id": "from nobody"}
    script = f"from System.connection import Connection\nwith Connection({SHOP!r}) as c: c.ask({json.dumps(request)})"
    machine.python(script, uid=NOBODY, groups=[shop])
    assert machine.logged("USHER_REQUEST=from nobody", since=since)["USHER_PEER_UID"] == str(NOBODY)


@pytest.mark.parametrize("app", ["x" * 24, "my-app_2"])
def test_the_names_that_an_app_may_have(machine, app):
    machine.run("groupadd", "--system", f"usher-{app}")
    machine.copy(machine.path(SETTINGS), f"/etc/usher/{app}.toml")
    machine.systemctl("start", f"usher@{app}.socket")
    with machine.connect(f"/run/usher/{app}/usher.sock") as connection:
        assert_ok(connection.ask("PING"), "server", "version", "protocol")


def test_an_app_without_settings_is_told_at_once(machine):
    done = machine.systemctl("start", "usher@bakery.socket", check=False)
    assert done.returncode != 0 and "Assertion failed" in done.stderr
    assert not machine.path("/run/usher/bakery").exists()
