"""Who may call what: rules by socket, user and group, and what they give."""

import contextlib
import os
import re
import subprocess
import sys

import pytest

from .connection import assert_failure, assert_ok
from .daemon import CHEAP, ROOT, USHERD, toml
from .people import PAIR, Person, registration
from .test_reload import DONE, FAILED, reload
from .test_systemd_activation import activated  # noqa: F401
from .tokens import parts

NOBODY = 65534
# One that nobody is in here.
GROUP = 54_321

ASK = """
import json, os, socket, sys
path, uid, gid, *lines = sys.argv[1:]
groups = [int(group) for group in os.environ["GROUPS"].split()]
os.setgroups(groups); os.setgid(int(gid)); os.setuid(int(uid))
s = socket.socket(socket.AF_UNIX); s.connect(path)
try:
    s.sendall(("\\n".join(lines) + "\\n").encode()); s.shutdown(socket.SHUT_WR)
except BrokenPipeError: pass
data = b""
while more := s.recv(4096): data += more
for line in data.decode().splitlines(): print(json.loads(line).get("error", "ok"))
"""

RECOVER = '{"op":"RECOVER","email":"nobody@example.org"}'
VERIFY = '{"op":"VERIFY","token":"x"}'


def rule(**keys):
    return "[[rule]]\n" + toml(keys)


def settings(*rules, **tables):
    return toml({**CHEAP, **tables}) + "".join(rules)


@pytest.fixture
def ask_as():
    """Asks as another user and group; the result of each line."""
    if os.geteuid() != 0:
        pytest.skip("needs root, to be somebody else")

    def ask(path, *lines, uid=NOBODY, gid=NOBODY, groups=()):
        os.chmod(path, 0o666)
        done = subprocess.run(
            [sys.executable, "-c", ASK, str(path), str(uid), str(gid), *lines], capture_output=True, text=True, timeout=60,
            env={"GROUPS": " ".join(map(str, groups))},
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.split()

    return ask


def test_a_foreign_user(make, ask_as):
    daemon = make(settings(rule(user="nobody", operations=["VERIFY"]))).start()
    assert ask_as(daemon.socket, RECOVER, VERIFY, "PING", "HELP") == ["forbidden_op", "token_invalid", "ok", "ok"]
    line, _ = daemon.stderr.wait_for(lambda line: "forbidden_op" in line)
    assert "RECOVER" in line and f"peer={NOBODY}:" in line and "rule[1]" in line
    with daemon.connect() as connection:
        assert_ok(connection.ask(RECOVER), "reset_token")


def test_a_user_that_may_do_nothing_is_turned_away(make, ask_as):
    daemon = make(settings(rule(user=NOBODY, operations=[]))).start()
    assert ask_as(daemon.socket) == ["forbidden_op"]
    line, _ = daemon.stderr.wait_for(lambda line: "turned away" in line)
    assert f"peer={NOBODY}:" in line and "rule[1]" in line
    with daemon.connect() as connection:
        assert_ok(connection.ask("PING"))


def test_groups(make, ask_as):
    daemon = make(settings(rule(group=GROUP, operations=["VERIFY"]), rule(user=NOBODY, operations=["RECOVER"]))).start()
    only_verify, only_recover = ["token_invalid", "forbidden_op"], ["forbidden_op", "ok"]
    assert ask_as(daemon.socket, VERIFY, RECOVER) == only_recover
    assert ask_as(daemon.socket, VERIFY, RECOVER, gid=GROUP) == only_verify
    assert ask_as(daemon.socket, VERIFY, RECOVER, groups=[7, GROUP, 8]) == only_verify
    # More than there is usually room for.
    many = list(range(60_000, 60_500))
    assert ask_as(daemon.socket, VERIFY, RECOVER, groups=[*many, GROUP]) == only_verify
    assert ask_as(daemon.socket, VERIFY, RECOVER, groups=many) == only_recover


def test_sockets_of_other_names(activated):  # noqa: F811
    config = settings(
        rule(socket="blog", operations=["VERIFY", "AUTHORIZE"]), rule(socket="login", operations=["REGISTER", "LOGIN"]))
    daemon = activated(["app", "blog", "login", "spare", "admin"], config=config)
    with contextlib.ExitStack() as stack:
        app, blog, login, admin = (stack.enter_context(daemon.connect(name)) for name in ("app", "blog", "login", "admin"))
        person = Person(login)
        assert_ok(blog.call("VERIFY", token=person.access), "claims")
        assert_ok(blog.call("AUTHORIZE", token=person.access, roles=["user"]), "claims")
        for op in ("LOGIN", "REFRESH", "REVOKE", "RECOVER", "EXPORT"):
            assert_failure(blog.call(op), "forbidden_op")
        assert_failure(login.call("VERIFY", token=person.access), "forbidden_op")
        person.rotate(app)
        assert_ok(admin.call("EXPORT"), "users", "next")
        (reply,) = stack.enter_context(daemon.connect("spare")).read_to_end()
        assert_failure(reply, "forbidden_op")
    assert daemon.stop() == 0


def test_without_rules_they_are_as_open_as_the_other(activated):  # noqa: F811
    daemon = activated(["app", "blog"])
    with daemon.connect("blog") as blog:
        person = Person(blog)
        assert_ok(blog.call("VERIFY", token=person.access), "claims")
        assert_failure(blog.call("EXPORT"), "forbidden_op")
    assert daemon.stop() == 0


def test_a_rule_of_no_socket_is_told(make):
    daemon = make(settings(rule(socket="blgo", operations=[]))).start()
    line, _ = daemon.stderr.wait_for(lambda line: "blgo" in line)
    assert "rule[1].socket" in line and "app" in line


def test_a_reload_takes_rules_up_for_open_connections(make):
    daemon = make(settings()).start()
    with daemon.connect() as connection:
        assert_ok(connection.ask(RECOVER))
        said = reload(daemon, settings(rule(socket="app", operations=["VERIFY"])))
        assert "changed: rule" in said
        assert_failure(connection.ask(RECOVER), "forbidden_op")
        assert_ok(connection.ask("PING"))
        # What is no good changes nothing.
        assert FAILED in reload(daemon, settings(rule(socket="app", operations=["VERFY"])))
        assert_failure(connection.ask(RECOVER), "forbidden_op")
        reload(daemon, settings(rule(operations=[])))
        assert_failure(connection.ask("PING"), "forbidden_op")
        assert DONE in reload(daemon, settings())
        assert_ok(connection.ask(RECOVER))


def test_a_rate(make):
    daemon = make(settings(rule(user=os.geteuid(), operations="all", rate="5/h"))).start()
    # It has answered a PING by now.
    with daemon.connect() as one, daemon.connect() as other:
        for _ in range(2):
            assert_ok(one.ask("PING"))
            assert_ok(other.ask("PING"))
        for connection in (one, other):
            reply = assert_failure(connection.ask({"op": "VERIFY", "token": "x", "id": 7}), "busy")
            assert reply["id"] == 7 and 0 < reply["retry_after_ms"] <= 3_600_000 // 5
    line, _ = daemon.stderr.wait_for(lambda line: "busy" in line)
    assert "the rate of rule[1]" in line


def test_a_share_of_connections(make):
    daemon = make(settings(rule(operations="all", connections="10%"), socket={"max_connections": 30})).start()
    with contextlib.ExitStack() as stack:
        for _ in range(3):
            assert_ok(stack.enter_context(daemon.connect()).ask("PING"))
        (reply,) = stack.enter_context(daemon.connect()).read_to_end()
        assert_failure(reply, "busy")
    line, _ = daemon.stderr.wait_for(lambda line: "turned away" in line)
    assert "rule[1]" in line


def test_an_address_from_who_is_not_trusted(make):
    daemon = make(settings(rule(operations="all"))).start()
    with daemon.connect() as connection:
        address = {"client": {"ip": "192.0.2.1", "user_agent": "x"}}
        assert_failure(connection.ask(registration(**address)), "forbidden_op")
        person = Person(connection, client={"user_agent": "x"})
        assert_failure(connection.call("LOGIN", login=person.username, password=person.password, **address), "forbidden_op")
        reload(daemon, settings(rule(operations="all", client_address=True)))
        assert_ok(connection.call("LOGIN", login=person.username, password=person.password, **address), *PAIR)


def test_audiences_of_apps(activated):  # noqa: F811
    config = settings(
        rule(socket="shop", operations="all", audiences=["shop", "both"]), rule(socket="blog", operations="all", audiences=["blog", "both"]),
        token={"audiences": ["site", "shop", "blog", "both"]})
    daemon = activated(["app", "shop", "blog"], config=config)
    with daemon.connect("app") as app, daemon.connect("shop") as shop, daemon.connect("blog") as blog:
        person = Person(shop)
        assert parts(person.access)[1]["aud"] == "shop"
        assert_ok(shop.call("VERIFY", token=person.access), "claims")
        assert_failure(blog.call("VERIFY", token=person.access), "token_invalid")
        assert_failure(blog.call("VERIFY", token=person.access, audience="shop"), "forbidden_op")
        assert_failure(blog.call("REFRESH", refresh_token=person.refresh), "token_invalid")
        assert_ok(app.call("VERIFY", token=person.access, audience="shop"), "claims")
        person.rotate(shop)
        person.login(blog, audience="both")
        assert_ok(shop.call("VERIFY", token=person.access, audience="both"), "claims")
        assert_failure(shop.call("LOGIN", login=person.username, password=person.password, audience="blog"), "forbidden_op")
    assert daemon.stop() == 0


@pytest.mark.parametrize("text, place, words", [
    (rule(operations=["VERFY"]), "2:14", 'no operation "VERFY"'), (rule(operations=["EXPORT"]), "2:14", "admin socket"),
    (rule(user="no-such-user", operations=[]), "2:8", 'no user "no-such-user"'),
    (rule(group="no-such-group", operations=[]), "2:9", 'no group "no-such-group"'),
    (rule(socket="admin", operations=[]), "2:10", '"admin"'), (rule(sockets="blog", operations=[]), "2:11", "no setting rule[1].sockets"),
    (rule(rate="5"), "2:8", "rule[1].rate"), (rule(user=5), "1:1", "rule[1].operations must be set"),
    (rule(operations=[], audiences=["blog"]), "1:1", "token.audiences"),
])
def test_mistakes_are_found(folder, text, place, words):
    (folder / "usher.toml").write_text(text)
    done = subprocess.run([USHERD, "--config", folder / "usher.toml", "--check-config"], capture_output=True, text=True, env={})
    assert done.returncode == 1 and done.stdout == ""
    assert f"usher.toml:{place}: " in done.stderr and words in done.stderr


def test_what_is_in_force_is_shown(folder):
    text = rule(socket="blog", user="root", operations=["VERIFY"], rate="10/m", connections="5%", audiences=["usher"])
    (folder / "usher.toml").write_text(text)
    command = [USHERD, "--config", folder / "usher.toml", "--check-config"]
    shown = subprocess.run(command, capture_output=True, text=True, env={}, check=True).stdout
    assert '[[rule]]\nsocket = "blog"\nuser = 0\noperations = ["VERIFY", "PING", "HELP"]\nrate = "10/m"\nconnections = "5%"\n' in shown
    (folder / "usher.toml").write_text(shown)
    assert subprocess.run(command, capture_output=True, text=True, env={}, check=True).stdout == shown


def test_the_examples_are_good(folder):
    """Those of the README and of the settings' file, but for users that are not here."""
    (readme,) = re.findall(r"```toml\n(.*?)```", (ROOT / "README.md").read_text(), re.S)
    installed = (ROOT / "systemd" / "usher.toml").read_text()
    rules = re.sub(r"^#", "", installed[installed.index("#[[rule]]"):], flags=re.M)
    for text, count in ((readme, 4), (rules, 3)):
        assert text.count("[[rule]]") == count
        for name in ("mallory", "login", "www-data"):
            text = text.replace(f'= "{name}"', '= "root"')
        (folder / "usher.toml").write_text(text)
        command = [USHERD, "--config", folder / "usher.toml", "--check-config"]
        done = subprocess.run(command, capture_output=True, text=True, env={"JWT_AUDIENCE": "shop,blog"})
        assert done.returncode == 0, done.stderr
        assert done.stdout.count("[[rule]]") == count
