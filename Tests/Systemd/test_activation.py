"""The socket comes first: who may open it, and who answers."""

import json

from System.connection import assert_ok
from System.people import PAIR, Person

# The web server's uid on Debian, which the shipped unit must see as it is.
WWW_DATA = 33

ASK = """
import sys
from System.connection import Connection
try:
    with Connection("/run/usher/usher.sock") as connection:
        connection.send(sys.argv[1])
        print(connection.read_line().decode())
except OSError as error:
    print(error.errno)
"""


def test_the_first_client_starts_the_daemon_and_is_answered(machine):
    assert machine.show("usher.socket", "SubState") == "listening"
    assert machine.show("usher.service", "ActiveState") == "inactive"
    assert_ok(machine.ask("PING"), "server", "version", "protocol")
    assert machine.show("usher.service", "SubState") == "running"
    assert machine.show("usher.service", "StatusText")


def test_the_boot_starts_the_daemon_where_it_is_enabled(machine):
    machine.systemctl("enable", "usher.service")
    assert "usher.service" in machine.show("multi-user.target", "Wants").split()
    assert "usher.socket" in machine.show("sockets.target", "Wants").split()


def test_the_group_opens_the_socket_and_its_uid_is_seen(machine):
    request = {"op": "LOGIN", "login": "nobody-of-that-name", "password": "wrong horse", "id": "from www-data"}
    reply = machine.python(ASK, json.dumps(request), uid=WWW_DATA, groups=[machine.gid()])
    assert json.loads(reply)["error"] == "invalid_credentials"
    event = machine.logged("USHER_REQUEST=from www-data")
    assert event["USHER_PEER_UID"] == str(WWW_DATA)
    assert int(event["USHER_PEER_PID"]) > 1


def test_who_is_not_in_the_group_cannot_connect(machine):
    assert machine.python(ASK, "PING", uid=WWW_DATA).strip() == "13"
    assert machine.run("stat", "--format=%a %U %G", "/run/usher/usher.sock").stdout.strip() == "660 root usher"


def test_hashing_works_inside_the_sandbox(machine):
    # yescrypt at its default cost: 64 MB a hash.
    with machine.connect() as connection:
        person = Person(connection)
        assert_ok(person.login(connection), *PAIR)
        assert_ok(connection.call("VERIFY", token=person.access), "claims")
    assert machine.show("usher.service", "NRestarts") == "0"


def test_the_state_is_the_daemons_alone(machine):
    machine.ask("PING")
    state = machine.run("stat", "--format=%a %U %G", "/var/lib/usher").stdout.strip()
    assert state == "700 usherd usherd"
    for file in machine.run("find", "/var/lib/usher/", "-type", "f", "-printf", "%m %u %p\n").stdout.splitlines():
        assert file.startswith("600 usherd "), file
