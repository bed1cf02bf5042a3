"""An app with a socket of its own, as README.md tells an operator to make it."""

import re

import pytest

from System.connection import assert_failure, assert_ok
from System.people import Person

from .machine import REPOSITORY
from .usher import CHEAP

UNIT = "/etc/systemd/system/usher-blog.socket"
SOCKET = "/run/usher/blog.sock"
README = (REPOSITORY / "README.md").read_text()
RULE = '[[rule]]\nsocket = "blog"\noperations = ["VERIFY", "AUTHORIZE"]\n'


def block(begin):
    """The code of README.md that begins so."""
    (code,) = [code for code in re.findall(r"^```[^\n]*\n(.*?)^```", README, re.S | re.M) if code.startswith(begin)]
    return code


@pytest.fixture(scope="module", autouse=True)
def blog(machine):
    machine.settings(CHEAP + RULE)
    machine.ask("PING")
    machine.run("groupadd", "--system", "blog")
    machine.write(UNIT, block(f"# {UNIT}\n"))
    commands = [line for line in README.splitlines() if line.startswith("sudo systemctl") and ("usher-blog" in line or "takes no more" in line)]
    assert len(commands) == 2
    machine.systemctl("daemon-reload")
    for command in commands:
        machine.run(*command.split("#")[0].split()[1:])


def test_its_rule_holds_on_it_alone(machine):
    with machine.connect() as app, machine.connect(SOCKET) as own:
        person = Person(app)
        assert_ok(own.call("VERIFY", token=person.access), "claims")
        assert_failure(own.call("LOGIN", login=person.username, password=person.password, id="by the blog"), "forbidden_op")
        person.login(app)
    event = machine.logged("USHER_REQUEST=by the blog")
    assert event["USHER_RESULT"] == "forbidden_op" and event["USHER_PEER_UID"] == "0" and "rule[1]" in event["MESSAGE"]
    assert machine.run("stat", "--format=%a %U %G", SOCKET).stdout.strip() == "660 root blog"


def test_a_user_without_a_rule_and_one_of_its_own(machine):
    """Names of users are found inside the sandbox, and their uids are those of the machine."""
    machine.settings(CHEAP + RULE + '[[rule]]\nuser = "www-data"\noperations = []\n')
    machine.systemctl("reload", "usher.service")
    script = "from System.connection import Connection\nwith Connection('/run/usher/usher.sock') as c: print(c.read_line().decode())"
    assert '"forbidden_op"' in machine.python(script, uid=33, groups=[machine.gid()])
    assert_ok(machine.ask("PING"))
    machine.settings(CHEAP + RULE)
    machine.systemctl("reload", "usher.service")


def test_both_outlive_a_restart_and_stop_and_start_together(machine):
    machine.restart()
    with machine.connect(SOCKET) as own:
        assert_failure(own.call("LOGIN"), "forbidden_op")
    machine.systemctl("stop", "usher.socket")
    assert machine.show("usher-blog.socket", "ActiveState") == "inactive"
    assert machine.show("usher.service", "ActiveState") == "inactive"
    machine.systemctl("start", "usher.socket")
    with machine.connect(SOCKET) as own:
        assert_ok(own.ask("PING"))
        assert_failure(own.call("LOGIN"), "forbidden_op")
