"""`systemctl reload`: what it puts in force, what it refuses, and when it returns."""

import subprocess

import jwt
import pytest

from System.connection import assert_failure, assert_ok
from System.frozen import freeze
from System.people import Person

from .test_watchdog import host_pid
from .usher import CHEAP, SETTINGS

UNIT = "usher.service"


@pytest.fixture(autouse=True)
def plain(machine):
    """Each test begins with a daemon that runs with the usual settings."""
    machine.settings(CHEAP)
    machine.restart()
    yield
    machine.settings(CHEAP)


def reload(machine, unit=UNIT):
    return machine.systemctl("reload", unit, check=False)


def status(machine):
    return machine.show(UNIT, "StatusText")


def event(machine, message, since):
    """The one event of a reload whose text has these words."""
    return machine.eventually(
        lambda: [entry for entry in machine.journal("--identifier=usherd", f"--unit={UNIT}", since=since) if message in entry["MESSAGE"] and "MESSAGE_ID" in entry],
        f"an event with {message}",
    )[0]


def test_it_returns_when_the_new_settings_are_in_force(machine):
    daemon = machine.main_pid()
    with machine.connect() as connection:
        for minutes in range(5, 15):
            since = machine.now()
            machine.settings(CHEAP + f'[token]\naccess_expiry = "{minutes}m"\n')
            machine.systemctl("reload", UNIT)
            assert Person(connection).reply["expires_in"] == 60 * minutes
    assert machine.main_pid() == daemon
    entry = event(machine, "were read anew", since)
    assert entry["USHER_RESULT"] == "ok" and entry["USHER_CHANGED"] == "token.access_expiry" and entry["PRIORITY"] == "5"
    assert machine.show(UNIT, "ActiveState") == "active" and "connection" in status(machine)
    explained = machine.run("journalctl", "--catalog", "--no-pager", f"MESSAGE_ID={entry['MESSAGE_ID']}").stdout
    assert "has read its settings anew" in explained and "Changed: token.access_expiry" in explained


def test_it_waits_for_a_daemon_that_is_slow_to_hear_of_it(machine):
    pid = host_pid(machine)
    machine.settings(CHEAP + '[token]\nissuer = "slow"\n')
    with machine.popen("systemctl", "reload", UNIT) as process:
        with freeze(pid, "usherd"):
            machine.eventually(lambda: machine.show(UNIT, "SubState") == "reload", "the reload")
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(2)
        process.communicate(timeout=60)
    assert process.returncode == 0
    assert "slow" in jwt.decode(Person(machine.connect()).access, options={"verify_signature": False})["iss"]


@pytest.mark.parametrize(
    "settings, complaint",
    [
        ('[token]\nissuer = "bad"\naccess_expiry = 5\n', f"{SETTINGS}:6:"),
        ('[token]\nissuer = "bad"\n[pasword]\n', "pasword"),
    ],
)
def test_a_bad_file_fails_the_reload_and_changes_nothing(machine, settings, complaint):
    since = machine.now()
    daemon = machine.main_pid()
    with machine.connect() as connection:
        person = Person(connection)
        machine.settings(CHEAP + settings)
        assert reload(machine).returncode != 0
        assert "reload failed, the settings before are in force: " in status(machine) and complaint in status(machine)
        entry = event(machine, "the settings before stay in force", since)
        assert complaint in entry["MESSAGE"] and entry["USHER_RESULT"] == "failed" and entry["PRIORITY"] == "3"
        assert_ok(connection.call("VERIFY", token=person.access), "claims")
        # It stays in the status, whatever else happens.
        machine.eventually(lambda: "1 connection" in status(machine), "the next status")
        assert "reload failed" in status(machine)
        person.rotate(connection)
        assert machine.main_pid() == daemon and machine.show(UNIT, "ActiveState") == "active"
        machine.settings(CHEAP)
        machine.systemctl("reload", UNIT)
        assert "reload failed" not in status(machine)
        assert_ok(connection.call("VERIFY", token=person.access), "claims")


def test_a_bare_signal_does_the_same(machine):
    machine.settings("nonsense")
    machine.kill(1)
    machine.eventually(lambda: "reload failed" in status(machine), "the status")
    machine.eventually(lambda: machine.show(UNIT, "SubState") == "running", "the end of the reload")
    machine.settings(CHEAP)
    machine.kill(1)
    machine.eventually(lambda: "reload failed" not in status(machine), "the status")


def test_what_needs_a_restart_is_named(machine):
    since = machine.now()
    machine.settings(CHEAP + 'workers = 3\n[token]\nissuer = "other"\n')
    machine.systemctl("reload", UNIT)
    assert "restart to change password.workers" in status(machine)
    entry = event(machine, "were read anew", since)
    assert entry["USHER_PENDING"] == "password.workers" and entry["USHER_CHANGED"] == "token.issuer"
    machine.restart()
    assert "restart" not in status(machine)


def test_a_secret_in_the_state_folder(machine):
    def replace(secret):
        machine.write("/var/lib/usher/jwt-secret", secret, mode="0600")
        machine.run("chown", "usherd:", "/var/lib/usher/jwt-secret")

    with machine.connect() as connection:
        person = Person(connection)
        before = machine.run("cat", "/var/lib/usher/jwt-secret").stdout
        try:
            replace("short")
            assert reload(machine).returncode != 0
            assert "jwt-secret has 5 bytes; HS256 needs at least 32" in status(machine)
            assert_ok(connection.call("VERIFY", token=person.access), "claims")
            machine.run("chown", "root:", "/var/lib/usher/jwt-secret")
            assert reload(machine).returncode != 0
            assert "Permission denied" in status(machine)
            machine.run("rm", "/var/lib/usher/jwt-secret")
            assert reload(machine).returncode != 0
            assert "jwt-secret is gone: put it back" in status(machine)
            assert_ok(connection.call("VERIFY", token=person.access), "claims")
            replace("another secret that is long enough")
            machine.systemctl("reload", UNIT)
            assert_failure(connection.call("VERIFY", token=person.access), "token_invalid")
        finally:
            replace(before)


def test_a_credential_is_that_of_the_start(machine):
    machine.write("/etc/usher/jwt-secret", "an access secret that systemd hands over", mode="0600")
    machine.drop_in(UNIT, "[Service]\nLoadCredential=jwt-secret:/etc/usher/jwt-secret\n")
    try:
        machine.restart()
        with machine.connect() as connection:
            person = Person(connection)
            machine.write("/etc/usher/jwt-secret", "another access secret that systemd has not", mode="0600")
            since = machine.now()
            machine.systemctl("reload", UNIT)
            assert "read at start only: the credential jwt-secret" in event(machine, "were read anew", since)["MESSAGE"]
            assert_ok(connection.call("VERIFY", token=person.access), "claims")
    finally:
        machine.revert(UNIT)


def test_an_instance(machine):
    machine.run("groupadd", "--system", "--force", "usher-shop")
    machine.write("/etc/usher/shop.toml", CHEAP)
    machine.systemctl("start", "usher@shop.socket", "usher@shop.service")
    with machine.connect("/run/usher/shop/usher.sock") as connection:
        machine.write("/etc/usher/shop.toml", CHEAP + '[token]\naccess_expiry = "5m"\n')
        machine.systemctl("reload", "usher@shop.service")
        assert Person(connection).reply["expires_in"] == 300
        machine.write("/etc/usher/shop.toml", "nonsense")
        assert reload(machine, "usher@shop.service").returncode != 0
        assert Person(connection).reply["expires_in"] == 300
    machine.systemctl("stop", "usher@shop.socket")
