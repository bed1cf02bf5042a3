"""The admin socket: who may connect, and what is answered there and not elsewhere."""

import os
import re
import stat
import subprocess
import sys

import pytest

from .connection import Connection, assert_failure, assert_ok
from .people import Person

ADMINISTRATIVE = {"IMPORT", "EXPORT", "BACKUP", "STATUS", "CLIENTS", "METRICS", "MONITOR", "USER_ADD", "USER_SHOW", "USER_LIST", "USER_SET", "USER_DELETE", "USER_SESSIONS", "USER_LOGOUT", "ROLE_LIST", "ROLE_SHOW", "ROLE_GRANT", "ROLE_REVOKE", "ROLE_DELETE", "AUDIT"}


@pytest.fixture(scope="module")
def daemon(make_shared):
    return make_shared(admin=True).start()


def test_it_is_for_its_owner_alone(daemon):
    assert stat.S_IMODE(os.stat(daemon.admin).st_mode) == 0o600
    assert stat.S_IMODE(os.stat(daemon.socket).st_mode) == 0o660


def test_it_answers_what_the_other_one_answers(daemon):
    with daemon.connect(admin=True) as admin:
        person = Person(admin)
        assert_ok(admin.call("VERIFY", token=person.access), "claims")
        person.rotate(admin)
        assert_ok(admin.call("REVOKE", token=person.refresh), "revoked")


def test_help_tells_what_is_for_it(daemon):
    for place in (False, True):
        with daemon.connect(admin=place) as connection:
            ops = connection.ask("HELP")["ops"]
            assert {op["name"] for op in ops if op.get("socket") == "admin"} == ADMINISTRATIVE
            assert connection.ask("HELP EXPORT")["ops"][0]["socket"] == "admin"


@pytest.mark.parametrize("request_", [
    {"op": "EXPORT"}, {"op": "export"}, {"op": "EXPORT", "id": 5}, {"op": "IMPORT"}, {"op": "IMPORT", "commit": 1},
    {"op": "STATUS"}, {"op": "CLIENTS"}, {"op": "METRICS"}, {"op": "MONITOR"},
    {"op": "IMPORT", "users": [{"username": "mallory", "email": "m@x", "role": "admin"}]}, '{"op":"\\u0045XPORT"}',
])
def test_the_app_socket_refuses_administrators_operations(daemon, request_):
    start = len(daemon.stderr)
    with daemon.connect() as connection:
        assert_failure(connection.ask(request_), "forbidden_op")
    line, _ = daemon.stderr.wait_for(lambda line: "forbidden_op" in line, start)
    assert re.search(rf"\b{os.getuid()}\b", line), line


def test_another_uid_is_turned_away_whatever_the_mode(daemon):
    if os.geteuid() != 0:
        pytest.skip("needs root, to be somebody else")
    script = f"""
import os
os.setgid(65534); os.setuid(65534)
import socket
s = socket.socket(socket.AF_UNIX); s.connect({str(daemon.admin)!r})
data = b''
while more := s.recv(4096): data += more
print(data.decode(), end='')
"""
    os.chmod(daemon.admin, 0o666)
    try:
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    finally:
        os.chmod(daemon.admin, 0o600)
    assert done.stdout.count("\n") == 1 and '"error":"forbidden_op"' in done.stdout, done
    daemon.stderr.wait_for(lambda line: "admin socket" in line and "turned away" in line)


def test_the_setting(make, folder):
    path = folder / "by-setting"
    daemon = make({"socket": {"admin_listen": str(path)}}).start()
    with Connection(path) as admin:
        assert_ok(admin.call("EXPORT"), "users", "next")
    assert daemon.stop() == 0
    assert not path.exists()


def test_a_folder_that_is_not_there(make, folder):
    daemon = make(args=["--admin-listen", str(folder / "no" / "a")])
    _, said = daemon.refused()
    assert str(folder / "no" / "a") in said
    assert not daemon.socket.exists()
