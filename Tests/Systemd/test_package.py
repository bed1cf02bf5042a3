"""The Debian package: what comes with it, what an upgrade leaves alone, and what removing and purging take away."""

import json
import re
import subprocess

import pytest

from System.connection import Connection, assert_ok
from System.people import Person

from .machine import REPOSITORY, Machine
from .test_restart import Load
from .usher import CHEAP, SETTINGS, SOCKET

VERSION = re.search(r'static let version = "(.*)"', (REPOSITORY / "Sources/UsherModel/Version.swift").read_text()).group(1)
LATER = "999.0"
README = (REPOSITORY / "README.md").read_text()
STATE = "/var/lib/usher"
SHOP = {"unit": "usher@shop.service", "socket": "/run/usher/shop/usher.sock", "state": "/var/lib/usher@shop"}


@pytest.fixture(scope="module")
def packages(systemd, tmp_path_factory):
    """The package of this version, and one of a later version with the same in it."""
    made = {}
    for version in (VERSION, LATER):
        folder = tmp_path_factory.mktemp("package")
        subprocess.run([REPOSITORY / "debian/build", version, folder], stdout=subprocess.DEVNULL, check=True)
        (made[version],) = folder.glob("*.deb")
    return made


class DebianMachine(Machine):
    """A machine that packages are installed on."""

    def start(self):
        super().start()
        # Images of containers forbid packages to start anything.
        self.run("rm", "-f", "/usr/sbin/policy-rc.d")
        return self

    def install(self, package):
        self.copy(package, "/root/usher.deb")
        return self.run("dpkg", "--install", "/root/usher.deb", input="").stdout

    def connect(self, socket=SOCKET):
        return Connection(self.path(socket))

    def is_active(self, unit):
        return self.show(unit, "ActiveState") == "active"

    def exists(self, path):
        return self.run("test", "-e", path, check=False).returncode == 0

    def person(self, socket=SOCKET):
        with self.connect(socket) as connection:
            return Person(connection)

    def assert_known(self, person, socket=SOCKET):
        with self.connect(socket) as connection:
            assert_ok(connection.call("VERIFY", token=person.access), "claims")

    def do(self, word):
        """Runs the commands of README.md in the one block that has `word`, as root; what they print."""
        blocks = re.findall(r"^```(\w*)\n(.*?)^```$", README, re.M | re.S)
        (block,) = [block for language, block in blocks if not language and word in block]
        return self.run("sh", "-e", "-c", block.replace("sudo ", "")).stdout

    def add_shop(self):
        """A daemon of its own for the app shop."""
        self.run("useradd", "--system", "shop")
        self.do("usher-shop")


@pytest.fixture
def machine(packages):
    """A machine with this version installed."""
    with DebianMachine() as machine:
        machine.install(packages[VERSION])
        yield machine


def test_one_package_is_all_it_takes(machine):
    assert machine.systemctl("is-enabled", "usher.socket").stdout.strip() == "enabled"
    assert machine.is_active("usher.socket") and machine.is_active("usher-admin.socket")
    assert machine.show("usher.service", "ActiveState") == "inactive"
    with machine.connect() as connection:
        assert connection.ask("PING")["version"] == VERSION
    assert machine.run("dpkg-query", "--show", "--showformat=${Version}", "usher").stdout == VERSION
    assert machine.run("stat", "--format=%a %U %G", SOCKET, STATE).stdout.split("\n")[:2] == ["660 root usher", "700 usherd usherd"]
    assert '"ok":true' in machine.do("usermod -aG usher www-data")
    assert "usher" in machine.run("id", "--groups", "--name", "www-data").stdout.split()
    # Its user can log in nowhere, and is in no group that opens anything.
    assert machine.run("getent", "passwd", "usherd").stdout.strip().endswith(":/usr/sbin/nologin")
    assert machine.run("id", "--groups", "--name", "usherd").stdout.split() == ["usherd"]
    assert machine.run("usherctl", "user", "export").stdout == ""
    assert "user list" in machine.run("bash", "-c", ". /usr/share/bash-completion/completions/usherctl && complete -p usherctl && "
                                      "usherctl help user list").stdout
    for page in ("usherd", "usherctl", "usher.toml"):
        machine.run("man", "--where", page)
    assert "man:usherd(8)" in machine.run("journalctl", "--unit=usher", "--catalog", "MESSAGE_ID=9a44155072ef4301800cb87915ea5fe0").stdout


def test_the_doctor(machine):
    """A new installation is in order; what is broken is found, and what is said about it mends it."""

    def problems():
        report = json.loads(machine.run("usherctl", "doctor", "--json", check=False).stdout)
        return {one["text"]: one["mend"] for one in report["findings"] if one["level"] == "problem"}

    assert problems() == {}
    machine.person()
    assert problems() == {}
    machine.run("chmod", "0644", f"{STATE}/jwt-secret")
    machine.write(SETTINGS, "[password]\ncost = 99\n")
    found = problems()
    assert any("others may read" in text for text in found) and any("cost" in text for text in found)
    machine.run("chmod", "0600", f"{STATE}/jwt-secret")
    machine.write(SETTINGS, "")
    machine.systemctl("disable", "--now", "usher.socket")
    for _ in range(3):
        for mend in [mend for mend in problems().values() if mend.startswith("systemctl enable")]:
            machine.run("sh", "-c", mend.split(";")[0])
    assert problems() == {}
    machine.add_shop()
    machine.person(SHOP["socket"])
    report = json.loads(machine.run("usherctl", "doctor", "--app", "shop", "--json").stdout)
    assert report["problems"] == 0 and any(SHOP["state"] in one["text"] for one in report["findings"])


def test_the_package_names_all_that_its_program_is_linked_with(packages):
    depends = subprocess.run(["dpkg-deb", "--field", packages[VERSION], "Depends"], capture_output=True, text=True, check=True).stdout
    names = {name.split()[0] for name in depends.split(", ")}
    assert {"libc6", "libcrypt1", "libsqlite3-0", "libssl3", "libsystemd0", "systemd", "procps"} <= names
    assert not any("swift" in name or "stdc++" in name for name in names)


def test_an_upgrade_keeps_what_there_is(machine, packages):
    machine.write(SETTINGS, "[token]\nissuer = \"https://example.org\"\n")
    machine.add_shop()
    person, customer = machine.person(), machine.person(SHOP["socket"])
    units = ["usher.service", SHOP["unit"]]
    daemons = [machine.show(unit, "MainPID") for unit in units]
    since = [machine.show(socket, "ActiveEnterTimestampMonotonic") for socket in ("usher.socket", "usher@shop.socket")]
    machine.install(packages[LATER])
    assert machine.run("dpkg-query", "--show", "--showformat=${Version}", "usher").stdout == LATER
    # The daemons are new ones; the sockets were there all the time.
    assert all(machine.is_active(unit) for unit in units)
    assert not set(daemons) & {machine.show(unit, "MainPID") for unit in units}
    assert since == [machine.show(socket, "ActiveEnterTimestampMonotonic") for socket in ("usher.socket", "usher@shop.socket")]
    machine.assert_known(person)
    machine.assert_known(customer, SHOP["socket"])
    assert "example.org" in machine.run("cat", SETTINGS).stdout


def test_nothing_is_lost_in_an_upgrade(machine, packages):
    machine.write(SETTINGS, CHEAP)
    load = Load(machine)
    try:
        load.wait(machine)
        machine.install(packages[LATER])
        load.wait(machine)
        load.stop()
    finally:
        load.ask_to_stop()
    # Each has seen one end of its connection, and nothing else.
    assert all(client.connections == 2 for client in load.clients), [client.connections for client in load.clients]


def test_an_upgrade_starts_nothing_that_was_stopped_or_disabled(machine, packages):
    machine.systemctl("disable", "--now", "usher.socket")
    machine.systemctl("stop", "usher-admin.socket")
    machine.install(packages[LATER])
    assert machine.systemctl("is-enabled", "usher.socket", check=False).stdout.strip() == "disabled"
    assert not machine.is_active("usher.socket") and not machine.is_active("usher.service")


def test_removing_keeps_the_state(machine, packages):
    machine.add_shop()
    person, customer = machine.person(), machine.person(SHOP["socket"])
    machine.run("dpkg", "--remove", "usher")
    for gone in ("/usr/sbin/usherd", "/usr/sbin/usherctl", "/usr/lib/systemd/system/usher.socket", "/run/usher"):
        assert not machine.exists(gone)
    for kept in (f"{STATE}/usher.db", f"{STATE}/jwt-secret", SETTINGS):
        assert machine.exists(kept)
    assert machine.run("pgrep", "usherd", check=False).stdout == ""
    machine.install(packages[VERSION])
    machine.assert_known(person)
    machine.assert_known(customer, SHOP["socket"])


def test_purging_deletes_the_state(machine):
    machine.add_shop()
    machine.person()
    machine.person(SHOP["socket"])
    machine.run("dpkg", "--purge", "usher")
    for gone in ("/run/usher", STATE, SHOP["state"], "/var/lib/private/usher@shop", SETTINGS, "/usr/share/doc/usher"):
        assert not machine.exists(gone), gone
    assert machine.run("pgrep", "usherd", check=False).stdout == ""
    assert machine.run("find", "/etc/systemd/system", "-name", "usher*").stdout == ""
    assert machine.systemctl("list-units", "--all", "--plain", "--no-legend", "usher*").stdout == ""
    # What the operator wrote, and users whose numbers may stand on files, are not the package's to delete.
    assert machine.exists("/etc/usher/shop.toml")
    machine.run("getent", "passwd", "usherd")
