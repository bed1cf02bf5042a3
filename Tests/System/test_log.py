"""What is written of each event, and what never is."""

import os
import re

import pytest

from .connection import assert_failure, assert_ok
from .daemon import CHEAP, JWT_SECRET, REFRESH_SECRET
from .people import Person, fresh_name, registration
from .tokens import access


class Scribe:
    """The lines that an action brings forth, up to those of a LOGIN that marks its end."""

    def __init__(self, daemon):
        self.daemon = daemon
        with daemon.connect() as connection:
            self.marker = Person(connection)

    def lines_of(self, action):
        start = len(self.daemon.stderr)
        with self.daemon.connect() as connection:
            result = action(connection)
            request = {"op": "LOGIN", "username": self.marker.username, "password": self.marker.password, "id": fresh_name("end-of-test")}
            assert_ok(connection.ask(request))
            _, end = self.daemon.stderr.wait_for(lambda line: request["id"] in line, start)
        return result, self.daemon.stderr.since(start)[: end - start]


@pytest.fixture(scope="module")
def daemon(make_shared):
    return make_shared().start()


@pytest.fixture
def scribe(daemon):
    # What the REGISTER of its own wrote is awaited, so that it is in nobody's lines.
    start = len(daemon.stderr)
    scribe = Scribe(daemon)
    daemon.stderr.wait_for(lambda line: scribe.marker.username in line, start)
    return scribe


def one(lines, *words):
    assert len(lines) == 1, lines
    for word in words:
        assert word in lines[0], lines[0]
    return lines[0]


# One line each


def test_register(scribe):
    person, lines = scribe.lines_of(lambda c: Person(c, client={"ip": "192.0.2.77", "user_agent": "x"}, id="the-request"))
    one(lines, "REGISTER", person.username, "192.0.2.77", "the-request", str(os.getpid()), str(os.geteuid()))


def test_a_refused_register(scribe):
    person, _ = scribe.lines_of(Person)
    _, lines = scribe.lines_of(lambda c: c.ask(registration(username=person.username)))
    one(lines, "REGISTER", "account_exists")
    _, lines = scribe.lines_of(lambda c: c.ask(registration(password="short")))
    one(lines, "REGISTER", "weak_password")


def test_login(scribe):
    person, _ = scribe.lines_of(Person)
    _, lines = scribe.lines_of(lambda c: person.login(c, client={"ip": "2001:db8::7"}, id=12345))
    one(lines, "LOGIN", person.username, "2001:db8::7", "12345", str(os.getpid()))


def test_a_refused_login(scribe):
    person, _ = scribe.lines_of(Person)
    _, lines = scribe.lines_of(lambda c: c.call("LOGIN", username=person.username, password="not the password", client={"ip": "192.0.2.78"}))
    one(lines, "LOGIN", "invalid_credentials", "192.0.2.78")
    _, lines = scribe.lines_of(lambda c: c.call("LOGIN", username=fresh_name(), password="not the password"))
    one(lines, "LOGIN", "invalid_credentials")


def test_revoke(scribe):
    person, _ = scribe.lines_of(Person)
    _, lines = scribe.lines_of(lambda c: c.call("REVOKE", token=person.access))
    one(lines, "REVOKE")
    _, lines = scribe.lines_of(lambda c: c.call("REVOKE", token=person.refresh))
    one(lines, "REVOKE")


def test_passwords_and_emails(scribe):
    def ask(connection):
        client = {"ip": "192.0.2.77"}
        person = Person(connection)
        connection.call("PASSWORD", token=person.access, password="not the password", new_password="battery staple", client=client)
        connection.call("PASSWORD", token=person.access, password=person.password, new_password="battery staple", client=client)
        reset = connection.call("RECOVER", email=person.email, client=client)["reset_token"]
        connection.call("RECOVER", email="nobody@example.org", client=client)
        confirmation = connection.call("CONFIRM", token=person.access, client=client)["confirmation_token"]
        connection.call("CONFIRM", confirmation_token=confirmation, client=client)
        connection.call("RESET", reset_token=reset, new_password="correct horse", client=client)
        return person

    person, lines = scribe.lines_of(ask)
    assert all("192.0.2.77" in line for line in lines[1:])
    expected = [
        ("REGISTER", "ok", person.username), ("PASSWORD", "invalid_credentials", person.username), ("PASSWORD", "ok", person.username),
        ("RECOVER", "ok", person.username), ("RECOVER", "ok", "no account"), ("CONFIRM", "ok", person.username),
        ("CONFIRM", "ok", person.username), ("RESET", "ok", person.username),
    ]
    assert len(lines) == len(expected)
    for line, words in zip(lines, expected):
        assert all(word in line for word in words), line
    assert "nobody@" not in lines[4]


def test_reuse(scribe):
    person, _ = scribe.lines_of(Person)
    stale = person.refresh

    def rotate_twice(connection):
        person.rotate(connection)
        person.rotate(connection)

    scribe.lines_of(rotate_twice)
    reply, lines = scribe.lines_of(lambda c: c.call("REFRESH", refresh_token=stale))
    assert_failure(reply, "refresh_token_reused")
    line = one(lines, "REFRESH", "refresh_token_reused", person.username)
    assert not re.search(r"\binfo\b", line), "a reuse is more than information"


def test_reuse_of_the_parent_is_told_from_that_of_an_older_one(make):
    daemon = make({"token": {"refresh_grace": "0s"}}).start()
    with daemon.connect() as connection:
        told = []
        for behind in (1, 2):
            person = Person(connection)
            stale = person.refresh
            for _ in range(behind):
                person.rotate(connection)
            while (reply := connection.call("REFRESH", refresh_token=stale))["ok"]:
                # A window of nothing may still be open within one millisecond.
                pass
            assert_failure(reply, "refresh_token_reused")
            line, _ = daemon.stderr.wait_for(lambda line, name=person.username: "refresh_token_reused" in line and name in line)
            told.append(line.replace(person.username, ""))
        assert told[0] != told[1]


def test_verify_and_authorize_are_not_told(scribe):
    person, _ = scribe.lines_of(Person)

    def ask(connection):
        for _ in range(3):
            assert_ok(connection.call("VERIFY", token=person.access))
            connection.call("VERIFY", token="x")
            connection.call("VERIFY", token=access(exp=1))
            connection.call("VERIFY", token="x", optional=True)
            assert_ok(connection.call("AUTHORIZE", token=person.access, roles=["user"]))
            connection.call("AUTHORIZE", token=person.access, roles=["admin"])
            connection.ask("PING")
            connection.ask("HELP")

    assert scribe.lines_of(ask)[1] == []


def test_verify_is_told_at_debug_level(make):
    daemon = make({"log": {"level": "debug"}}).start()
    with daemon.connect() as connection:
        person = Person(connection)
        for op, more in (("VERIFY", {}), ("AUTHORIZE", {"roles": ["user"]})):
            connection.call(op, token=person.access, id=f"good-{op}", **more)
            connection.call(op, token="x", id=f"bad-{op}", **more)
            line, _ = daemon.stderr.wait_for(lambda line, op=op: f"good-{op}" in line)
            assert op in line
            line, _ = daemon.stderr.wait_for(lambda line, op=op: f"bad-{op}" in line)
            assert op in line and "token_invalid" in line


def test_a_higher_level_leaves_out_what_went_well(make):
    daemon = make({"log": {"level": "error"}}).start()
    with daemon.connect() as connection:
        Person(connection).login(connection)
    assert daemon.stop() == 0
    assert "LOGIN" not in daemon.stderr.text() and "REGISTER" not in daemon.stderr.text()


# Floods

# Otherwise they would be refused sooner than they are counted.
UNTHROTTLED = {"throttle": {"account_failures": 1_000_000}}


def wrong(person):
    return {"op": "LOGIN", "username": person.username, "password": "not the password"}


def test_a_flood_of_failures_is_counted(make):
    daemon = make(UNTHROTTLED).start()
    with daemon.connect() as connection:
        person = Person(connection)
        connection.pipeline([wrong(person)] * 500)
        # Who is let in is told meanwhile, each time.
        connection.pipeline([{"op": "LOGIN", "username": person.username, "password": person.password}] * 50)
        # Others are not counted with them.
        connection.call("REVOKE", token=5)
        # It comes though the flood is over, 10 s after its first, or a little more on a busy machine.
        told, _ = daemon.stderr.wait_for(lambda line: re.search(r"more like it in 1\d s", line))
    assert daemon.stop() == 0
    assert re.search(r"\.\.\. and \d+ more like it in 1\d s op=LOGIN result=invalid_credentials", told)
    assert f"peer={os.geteuid()} " in told
    lines = daemon.stderr.since(0)
    check_counted(lines, 500)
    assert len([line for line in lines if "op=LOGIN result=ok" in line]) == 50
    assert len([line for line in lines if "op=REVOKE" in line]) == 1


def test_a_flood_of_what_nothing_comes_of_is_counted(make):
    daemon = make(UNTHROTTLED).start()
    asked = {"REVOKE": {"token": "no token of ours"}, "RECOVER": {"email": "nobody@example.org"}}
    with daemon.connect() as connection:
        for op, members in asked.items():
            assert all(reply["ok"] for reply in connection.pipeline([{"op": op, **members}] * 300))
        # What something comes of is told meanwhile, each time.
        people = [Person(connection) for _ in range(25)]
        for person in people:
            assert connection.call("REVOKE", token=person.refresh)["revoked"]
    assert daemon.stop() == 0
    lines = daemon.stderr.since(0)
    for op in asked:
        told = [line for line in lines if f"op={op} result=ok" in line]
        summaries = [line for line in told if "more like it" in line]
        named = [line for line in told if " user=" in line]
        assert len(named) == (len(people) if op == "REVOKE" else 0)
        logged = len(told) - len(summaries) - len(named)
        assert 20 <= logged <= 20 * len(summaries)
        assert logged + sum(int(re.search(r" count=(\d+)", line)[1]) for line in summaries) == 300


def check_counted(lines, total):
    """That so many refused logins were logged or counted, and few were logged."""
    told = [line for line in lines if "more like it" in line]
    logged = [line for line in lines if "result=invalid_credentials" in line and line not in told]
    # One summary a window: a slow machine needs several.
    assert 20 <= len(logged) <= 20 * len(told)
    assert len(logged) + sum(int(re.search(r" count=(\d+)", line)[1]) for line in told) == total


def test_a_flood_is_told_at_the_end(make):
    daemon = make(UNTHROTTLED).start()
    with daemon.connect() as connection:
        person = Person(connection)
        connection.pipeline([wrong(person)] * 100)
    assert daemon.stop() == 0
    check_counted(daemon.stderr.since(0), 100)


def test_debugging_hides_nothing(make):
    daemon = make({"log": {"level": "debug"}}).start()
    with daemon.connect() as connection:
        connection.pipeline([{"op": "VERIFY", "token": "x"}] * 200)
    assert daemon.stop() == 0
    assert len([line for line in daemon.stderr.since(0) if "result=token_invalid" in line]) == 200


# Nothing secret


def pieces(secret, size=8):
    return [secret[at : at + size] for at in range(len(secret) - size + 1)]


@pytest.mark.parametrize("level", ["info", "debug"])
def test_no_secret_not_even_a_part(make, level):
    daemon = make({"log": {"level": level}}).start()
    hidden = [JWT_SECRET, REFRESH_SECRET]
    with daemon.connect() as connection:
        person = Person(connection, password="kQ7!mZp2#rTv9$wX")
        hidden.append(person.password)
        for use in (person.login, person.rotate, person.rotate):
            # The header is the same for everybody, and so no secret.
            hidden += person.access.split(".")[1:] + person.refresh.split(".")[1:]
            use(connection)
        stale = person.refresh
        connection.call("LOGIN", username=person.username, password="another Secret-0ne")
        hidden.append("another Secret-0ne")
        connection.call("VERIFY", token=person.access)
        connection.call("VERIFY", authorization=f"Bearer {person.access}")
        connection.call("AUTHORIZE", token=person.access[:-3], roles=["user"])
        person.rotate(connection)
        person.rotate(connection)
        hidden += person.access.split(".")[1:] + person.refresh.split(".")[1:]
        connection.call("REVOKE", token=person.access)
        connection.call("REFRESH", refresh_token=stale)
        person.login(connection)
        hidden.append("a new Secret-0ne")
        connection.call("PASSWORD", token=person.access, password=person.password, new_password="a new Secret-0ne")
        reset = connection.call("RECOVER", email=person.email)["reset_token"]
        confirmation = connection.call("CONFIRM", token=person.access)["confirmation_token"]
        for _ in range(2):
            connection.call("CONFIRM", confirmation_token=confirmation)
            connection.call("RESET", reset_token=reset, new_password=person.password)
        hidden += [reset, confirmation]
        # What cannot be read is not quoted either.
        connection.send('{"op":"LOGIN","username":"%s","password":"thirdSecret-0ne",}' % person.username)
        connection.read_reply()
        connection.send('{"op":"thirdSecret-0ne"}')
        connection.read_reply()
        connection.send("thirdSecret-0ne")
        connection.read_reply()
        hidden.append("thirdSecret-0ne")
        connection.ask(registration(password="tiny7!Q"))
    assert daemon.stop() == 0
    text = daemon.stderr.text() + daemon.stdout.text()
    assert person.username in text
    for secret in hidden:
        for piece in pieces(secret):
            assert piece not in text, piece
    assert "tiny7!Q" not in text
    assert not re.search(r"\$2[aby]\$|\$y\$", text)


# Nothing forged

NASTY = [
    "\nusherd[1] info: LOGIN granted op=LOGIN result=ok user=root", "\r\nforged", "a\u2028forged", "a\u2029forged", "a\u0085forged", "\x1b[2Jforged", "\x00forged", "\x7fforged", "a\u009bforged",
    'x" result=ok user="root', "x result=ok user=root", "x=y", "\\nforged", "é😀", "\u202eforged", " ", "=", '"', "\\",
]


def untouched(lines):
    """No byte in the lines that a terminal or a reader of lines would act on."""
    for line in lines:
        assert all(0x20 <= ord(letter) < 0x7F for letter in line), line
        assert not line.startswith("forged")


def without_quoted(line):
    """The line without what stands in quotes."""
    return re.sub(r'"(?:[^"\\]|\\.)*"', '""', line)


@pytest.mark.parametrize("text", NASTY, ids=repr)
def test_what_a_client_sends_forges_nothing(make, text):
    # One of its own: of so many refusals at one daemon, most would only be counted.
    scribe = Scribe(make().start())
    person, _ = scribe.lines_of(Person)

    def attack(connection):
        client = {"ip": "192.0.2.1", "user_agent": text}
        connection.call("LOGIN", username=text, password="whatever it is", id=text[:16], client=client)
        connection.call("LOGIN", email=text, password="whatever it is", id=text[:16])
        connection.call("LOGIN", login=text, password="whatever it is")
        connection.call("LOGIN", username=person.username, password=text, id=text[:16])
        connection.ask(registration(username=text, id=text[:16]))
        connection.ask(registration(email=text))
        connection.call("REVOKE", token=text, id=text[:16])
        person.login(connection, id=text[:16], client=client)

    _, lines = scribe.lines_of(attack)
    assert len(lines) == 8, lines
    untouched(lines)
    for line in lines[:7]:
        # Nobody was let in, and no field says so.
        bare = without_quoted(line)
        assert "user=root" not in bare, line
        assert bare.count("result=") <= 1, line
    for line in lines:
        assert re.search(r"\b(LOGIN|REGISTER|REVOKE)\b", without_quoted(line)), line


def test_what_cannot_be_read_forges_nothing(scribe):
    def attack(connection):
        for line in (b"\x1b[2Jforged", b'{"op":"\xff\nforged', b'{"op":"LOGIN\\nforged"}', b'{"op":"PING","id":"\\u001b[2J', b"forged", b"HELP \x1b[2J"):
            connection.send_raw(line + b"\n")
        connection.send_raw(b"\n")
        replies = connection.read_replies(7)
        assert not any(reply["ok"] for reply in replies)

    untouched(scribe.lines_of(attack)[1])


def test_what_people_see_when_it_starts_and_stops(make):
    daemon = make().start()
    daemon.stderr.wait_for(lambda line: str(daemon.socket) in line)
    assert daemon.stop() == 0
    untouched(daemon.stderr.since(0))
    assert CHEAP["password"]["scheme"] == "bcrypt"
    assert len(daemon.stderr) >= 2
