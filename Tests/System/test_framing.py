"""Lines, their order, and their limits."""

import contextlib
import json
import random
import select
import socket
import threading
import time

import pytest

from .connection import assert_failure, assert_ok, parse_reply
from .daemon import eventually
from .people import PAIR, Person, registration

PING = b'{"op":"PING"}'
OPS = {"REGISTER", "LOGIN", "VERIFY", "AUTHORIZE", "REFRESH", "REVOKE", "PASSWORD", "RECOVER", "RESET", "CONFIRM", "PROFILE", "SESSIONS", "DELETE", "TOTP", "IMPORT", "EXPORT", "BACKUP", "STATUS", "CLIENTS", "METRICS", "MONITOR", "USER_ADD", "USER_SHOW", "USER_LIST", "USER_SET", "USER_DELETE", "USER_SESSIONS", "USER_LOGOUT", "ROLE_LIST", "ROLE_SHOW", "ROLE_GRANT", "ROLE_REVOKE", "ROLE_DELETE", "AUDIT", "PING", "HELP"}
MAX_LINE = 65_536

# What a daemon may grow by under load: less than any of the loads here.
BOUND_KIB = 8_192


def is_ping(reply):
    return reply["ok"] and reply.get("protocol") == 1


def padded(length):
    """A PING of exactly that many bytes."""
    frame = b'{"op":"PING","x":"%s"}'
    return frame % (b"a" * (length - len(frame) + 2))


# Lines


@pytest.mark.parametrize(
    "data",
    [
        PING + b"\n", PING + b"\r\n", b"\n" + PING + b"\n", b"\r\n\r\n" + PING + b"\r\n", b"   \n\t\n \t \r\n" + PING + b"\n",
        b"  " + PING + b"  \n", b"\t" + PING + b"\t\r\n", PING + b"\n\n\n   \n",
    ],
)
def test_one_line_one_reply(daemon, data):
    with daemon.connect() as connection:
        connection.send_raw(data)
        connection.half_close()
        replies = connection.read_to_end()
        assert len(replies) == 1 and is_ping(replies[0])


@pytest.mark.parametrize("data", [PING, PING + b"\r", b"ping", b"\n\n" + PING])
def test_last_line_without_its_lf_is_answered(daemon, data):
    with daemon.connect() as connection:
        connection.send_raw(data)
        connection.half_close()
        replies = connection.read_to_end()
        assert len(replies) == 1 and is_ping(replies[0])


@pytest.mark.parametrize("data", [b"", b"\n", b"\r\n", b"   ", b" \t\r", b"\n \n"])
def test_nothing_but_blanks_gets_no_reply(daemon, data):
    with daemon.connect() as connection:
        connection.send_raw(data)
        connection.half_close()
        assert connection.read_line() is None


def test_last_line_cut_short_is_told_so(daemon):
    with daemon.connect() as connection:
        connection.send_raw(PING + b'\n{"op":"PI')
        connection.half_close()
        first, second = connection.read_to_end()
        assert is_ping(first)
        assert_failure(second, "bad_request", offset=9)


def test_one_byte_at_a_time(connection):
    for byte in PING + b"\r\n" + PING + b"\n":
        connection.send_raw(bytes([byte]))
    assert all(map(is_ping, connection.read_replies(2)))


def test_lines_cut_at_random(connection):
    dice = random.Random(2)
    data = b"".join(b'{"op":"PING","id":%d}\n' % n for n in range(500))
    cuts = sorted(dice.randrange(len(data)) for _ in range(300))
    for start, end in zip([0, *cuts], [*cuts, len(data)]):
        connection.send_raw(data[start:end])
    assert [reply["id"] for reply in connection.read_replies(500)] == list(range(500))


def test_half_a_line_and_nothing_more_harms_nobody(daemon, connection):
    with contextlib.ExitStack() as stack:
        for _ in range(20):
            stack.enter_context(daemon.connect()).send_raw(b'{"op":"LOG')
        assert is_ping(connection.ask("PING"))


# Words for people


@pytest.mark.parametrize("word", ["PING", "ping", "Ping", "pInG", "PING\r"])
def test_bare_ping(connection, word):
    reply = connection.ask(word)
    assert_ok(reply, "server", "version", "protocol")


@pytest.mark.parametrize("word", ["HELP", "help", "Help", "HELP\r"])
def test_bare_help(connection, word):
    assert {op["name"] for op in assert_ok(connection.ask(word), "ops")["ops"]} == OPS


@pytest.mark.parametrize("op", sorted(OPS))
def test_bare_help_of_one(connection, op):
    for line in (f"HELP {op}", f"help {op.lower()}", f"Help {op.title()}"):
        (entry,) = assert_ok(connection.ask(line), "ops")["ops"]
        assert entry["name"] == op


@pytest.mark.parametrize("line", ["HELP NOTHING", "help me"])
def test_bare_help_of_what_there_is_not(connection, line):
    assert_failure(connection.ask(line), "invalid_field", field="topic")


@pytest.mark.parametrize("word", ["LOGIN", "PINGS", "PING PING", "HELP  LOGIN", "HELP LOGIN VERIFY", "HELPLOGIN", "pıng", " PING", "quit", "GET / HTTP/1.1"])
def test_no_other_word(connection, word):
    reply = connection.ask(word)
    assert reply["ok"] is False and reply["error"] in ("bad_request", "invalid_field")
    assert is_ping(connection.ask("PING"))


# PING and HELP


@pytest.mark.parametrize("op", ["PING", "ping", "Ping"])
def test_ping(connection, op):
    reply = assert_ok(connection.call(op), "server", "version", "protocol")
    assert isinstance(reply["server"], str) and reply["server"]
    assert isinstance(reply["version"], str) and reply["version"]
    assert reply["protocol"] == 1 and type(reply["protocol"]) is int


def test_help_describes_every_operation(connection):
    entries = assert_ok(connection.call("HELP"), "ops")["ops"]
    assert {entry["name"] for entry in entries} == OPS and len(entries) == len(OPS)
    for entry in entries:
        assert {"name", "summary", "members", "example"} <= set(entry)
        assert isinstance(entry["summary"], str) and entry["summary"] and "\n" not in entry["summary"]
        example = entry["example"]
        example = json.loads(example) if isinstance(example, str) else example
        assert example["op"].upper() == entry["name"]


@pytest.mark.parametrize("topic", ["LOGIN", "login"])
def test_help_of_a_topic(connection, topic):
    (entry,) = assert_ok(connection.call("HELP", topic=topic), "ops")["ops"]
    assert entry["name"] == "LOGIN"


def test_help_of_no_topic(connection):
    assert len(connection.call("HELP", topic=None)["ops"]) == len(OPS)


@pytest.mark.parametrize("topic", ["NOTHING", "", "pıng", "ß" * 30_000, 5, ["LOGIN"], True])
def test_help_of_an_unknown_topic(connection, topic):
    assert_failure(connection.call("HELP", topic=topic), "invalid_field", field="topic")


# op


@pytest.mark.parametrize("request_", [{}, {"op": None}, {"id": 7}, {"Op": "PING"}, {"op ": "PING"}])
def test_no_op(connection, request_):
    reply = assert_failure(connection.ask(request_), "missing_field", field="op")
    assert reply.get("id") == request_.get("id")


@pytest.mark.parametrize("op", ["NOTHING", "", "PING ", " PING", "PIN", "PINGS", "PING\0", "ＰＩＮＧ", "L\u0131NK", "vérify", "x" * 1000])
def test_unknown_op(connection, op):
    reply = assert_failure(connection.ask({"op": op, "id": "7"}), "unknown_op")
    assert reply["id"] == "7"


@pytest.mark.parametrize("op", [5, True, False, [], ["PING"], {}, 1.5])
def test_op_of_another_type(connection, op):
    reply = assert_failure(connection.ask({"op": op, "id": 7}), "bad_request")
    assert reply["id"] == 7


def test_op_with_escapes(connection):
    assert is_ping(connection.ask(r'{"\u006fp":"\u0050\u0049NG"}'))


# id


@pytest.mark.parametrize(
    "text",
    [
        '""', '"a"', '"%s"' % ("a" * 64), '"%s"' % ("é" * 32), '"%s"' % ("😀" * 16), '"%s"' % (r"\u0041" * 64), '"%s"' % (r"\ud83d\ude00" * 16),
        r'"a\nb"', r'"\u000a\r\t\b\f"', r'"\u0000"', r'"\"\\\/"', r'"\u001b[31m\u007f"', r'"\u2028\u2029"', '"\u2028\u0085\u00a0"', '"<&>"',
        "0", "-0", "1", "-1", "9223372036854775807", "-9223372036854775808", "1234567890123456789",
    ],
)
def test_id_comes_back_unchanged_and_first(connection, text):
    for op in ("PING", "NOTHING", "VERIFY"):
        connection.send('{"op":"%s","id":%s}' % (op, text))
        line = connection.read_line()
        reply = parse_reply(line)
        assert reply["id"] == json.loads(text) and type(reply["id"]) is type(json.loads(text))
        assert list(reply)[0] == "id"
        if not text.startswith('"'):
            assert line.startswith(b'{"id":%s,' % text.encode()) or text == "-0"


@pytest.mark.parametrize(
    "text",
    [
        '"%s"' % ("a" * 65), '"%s"' % ("é" * 33), '"%s"' % ("a" * 63 + "é"), '"%s"' % (r"\u0041" * 65), '"%s"' % (r"\u00e9" * 33), "1.0", "1.5", "1e3",
        "1E0", "-1.0", "0.0", "9223372036854775808", "-9223372036854775809", "1" * 400, "true", "false", "[]", "{}", "[1]", '{"a":1}',
    ],
)
def test_id_that_breaks_its_rules(connection, text):
    reply = assert_failure(connection.ask('{"op":"PING","id":%s}' % text), "bad_request")
    assert "id" not in reply
    assert is_ping(connection.ask("PING"))


def test_null_id_is_none(connection):
    assert "id" not in assert_ok(connection.ask('{"id":null,"op":"PING"}'))


def test_line_that_cannot_be_read_is_answered_without_id(connection):
    assert "id" not in assert_failure(connection.ask('{"id":5,"op":"PING",}'), "bad_request")
    assert "id" not in assert_failure(connection.ask('{"id":5,"op":"PING","x":"%s"}' % ("a" * MAX_LINE)), "line_too_long")


@pytest.mark.parametrize("op", sorted(OPS))
def test_null_members_count_as_absent(connection, op):
    members = ["token", "authorization", "audience", "optional", "roles", "permissions", "refresh_token", "scope", "topic", "username", "email", "login",
               "password", "client", "new_password", "reset_token", "confirmation_token"]
    assert connection.ask({"op": op, **dict.fromkeys(members)}) == connection.ask({"op": op})


@pytest.mark.parametrize("op", ["PING", "VERIFY", "REFRESH", "LOGIN"])
def test_unknown_members_are_ignored(connection, op):
    assert connection.ask({"op": op, "colour": "blue", "x": [1, {"y": None}], "OP": "NOTHING"}) == connection.ask({"op": op})


# Length


def test_longest_line(connection):
    assert is_ping(connection.ask(padded(MAX_LINE)))


@pytest.mark.parametrize("length", [MAX_LINE + 1, MAX_LINE + 2, 2 * MAX_LINE, 3 * MAX_LINE + 7, 1_000_000])
def test_too_long_a_line(connection, length):
    first, second, third = connection.pipeline([PING, padded(length), PING])
    assert is_ping(first)
    assert_failure(second, "line_too_long")
    assert is_ping(third)


def test_too_long_a_line_of_blanks_then_others(connection):
    connection.send_raw(b" " * (3 * MAX_LINE) + b"\n" + PING + b"\n")
    reply = connection.read_reply()
    # Whether blanks beyond the limit are a line too long or none at all, the next line is answered.
    if not reply["ok"]:
        assert_failure(reply, "line_too_long")
        reply = connection.read_reply()
    assert is_ping(reply)


def test_too_long_a_line_is_discarded_in_bounded_memory(daemon, connection):
    connection.ask(padded(MAX_LINE))
    before = daemon.rss_kib()
    connection.send_raw(b'{"op":"PING","x":"')
    for _ in range(64):
        connection.send_raw(b"a" * 1_000_000)
    assert daemon.rss_kib() - before < BOUND_KIB
    connection.send_raw(b'"}\n' + PING + b"\n")
    assert_failure(connection.read_reply(), "line_too_long")
    assert is_ping(connection.read_reply())
    assert daemon.rss_kib() - before < BOUND_KIB


def test_too_long_a_line_that_never_ends_is_answered_once(daemon):
    with daemon.connect() as connection:
        connection.send_raw(b"a" * (5 * MAX_LINE))
        connection.half_close()
        (reply,) = connection.read_to_end()
        assert_failure(reply, "line_too_long")


def test_too_long_lines_in_a_row(connection):
    replies = connection.pipeline([padded(MAX_LINE + 1), PING] * 20)
    assert [reply["ok"] for reply in replies] == [False, True] * 20


def test_line_length_is_a_setting(make):
    daemon = make({"socket": {"max_line": 4096}}).start()
    with daemon.connect() as connection:
        assert is_ping(connection.ask(padded(4096)))
        assert_failure(connection.ask(padded(4097)), "line_too_long")
        assert is_ping(connection.ask("PING"))


def test_64_kib_of_brackets(daemon, connection):
    assert_failure(connection.ask(b"[" * MAX_LINE), "bad_request", offset=0)
    assert_failure(connection.ask(b"{" * MAX_LINE), "bad_request", offset=1)
    opening = b'{"op":"PING","x":'
    nested = opening + b"[" * (MAX_LINE - len(opening))
    # The outermost object is the first level, so the 32nd bracket is the 33rd.
    assert_failure(connection.ask(nested), "bad_request", offset=len(opening) + 31)
    assert is_ping(connection.ask("PING"))


# Half close


def test_half_close_still_gets_every_reply(make):
    daemon = make({"password": {"cost": 10, "workers": 1}}).start()
    with daemon.connect() as connection:
        person = Person(connection)
    login = {"op": "LOGIN", "username": person.username, "password": person.password}
    for request in (login, {**login, "id": 1}):
        with daemon.connect() as connection:
            connection.send(*[request] * 8, PING)
            connection.half_close()
            replies = connection.read_to_end()
            assert len(replies) == 9 and all(reply["ok"] for reply in replies)
            assert sum("access_token" in reply for reply in replies) == 8


def test_half_close_with_many_fast_requests(daemon):
    with daemon.connect() as connection:
        count = 3_000
        data = b"".join(b'{"op":"PING","id":%d}\n' % n for n in range(count))
        sender = threading.Thread(target=lambda: (connection.send_raw(data), connection.half_close()), daemon=True)
        sender.start()
        assert [reply["id"] for reply in connection.read_to_end()] == list(range(count))
        sender.join()


# Order


@pytest.fixture(scope="module")
def slow(make_shared):
    """A daemon whose hashing takes long enough to be overtaken."""
    return make_shared({"password": {"cost": 9, "workers": 1, "queue": 300}}).start()


@pytest.fixture(scope="module")
def slow_person(slow):
    with slow.connect() as connection:
        return Person(connection)


def slow_login(person, **members):
    return {"op": "LOGIN", "username": person.username, "password": person.password, **members}


def test_what_is_answered_at_once_does_not_overtake_what_was_answered_before(connection):
    """A REVOKE of no token needs neither the store nor a hash, but goes the way of those that do."""
    replies = connection.pipeline([PING, {"op": "REVOKE", "token": "none"}] * 30)
    assert ["revoked" in reply for reply in replies] == [False, True] * 30


def test_without_id_replies_keep_the_order(slow, slow_person):
    with slow.connect() as connection:
        replies = connection.pipeline([slow_login(slow_person), PING, slow_login(slow_person), b"nonsense", PING, {"op": "NOTHING"}])
        assert ["access_token" in reply for reply in replies] == [True, False, True, False, False, False]
        assert is_ping(replies[1]) and is_ping(replies[4])
        assert replies[3]["error"] == "bad_request" and replies[5]["error"] == "unknown_op"


def test_with_id_the_fast_overtake_the_slow(slow, slow_person):
    with slow.connect() as connection:
        replies = connection.pipeline(
            [slow_login(slow_person, id="slow"), {"op": "VERIFY", "token": slow_person.access, "id": "fast"}, {"op": "PING", "id": "too"}])
        assert [reply["id"] for reply in replies] == ["fast", "too", "slow"]
        assert all(reply["ok"] for reply in replies)


def test_with_id_overtakes_one_without(slow, slow_person):
    with slow.connect() as connection:
        first, second = connection.pipeline([slow_login(slow_person), {"op": "PING", "id": 1}])
        assert first["id"] == 1 and "id" not in second and "access_token" in second


def test_without_id_does_not_wait_for_one_with(slow, slow_person):
    with slow.connect() as connection:
        first, second = connection.pipeline([slow_login(slow_person, id=1), PING])
        assert is_ping(first) and second["id"] == 1


def test_without_id_requests_are_carried_out_one_after_the_other(connection):
    request = registration()
    registered, logged_in = connection.pipeline(
        [request, {"op": "LOGIN", "username": request["username"], "password": request["password"]}])
    assert_ok(registered, *PAIR)
    assert_ok(logged_in, *PAIR)
    replies = connection.pipeline([
        {"op": "VERIFY", "token": registered["access_token"]},
        {"op": "REVOKE", "token": registered["access_token"]},
        {"op": "VERIFY", "token": registered["access_token"]},
        {"op": "REFRESH", "refresh_token": registered["refresh_token"]},
        {"op": "REVOKE", "token": registered["refresh_token"]},
        {"op": "REFRESH", "refresh_token": registered["refresh_token"]},
    ])
    assert [reply["ok"] for reply in replies] == [True, True, False, True, True, False]
    assert replies[2]["error"] == replies[5]["error"] == "token_revoked"


def test_many_with_id_get_one_reply_each(daemon):
    with daemon.connect() as connection:
        person = Person(connection)
        requests = []
        for n in range(600):
            op = ({"op": "VERIFY", "token": person.access}, {"op": "PING"}, slow_login(person))[n % 3]
            requests.append({**op, "id": f"r{n}"})
        replies = connection.pipeline(requests)
        assert sorted(reply["id"] for reply in replies) == sorted(request["id"] for request in requests)
        assert all(reply["ok"] or reply["error"] == "busy" for reply in replies)


# In flight


def test_past_its_number_in_flight_a_connection_is_not_read(make):
    daemon = make({"socket": {"max_in_flight": 2}, "password": {"cost": 10, "workers": 1}}).start()
    with daemon.connect() as connection:
        person = Person(connection)
        replies = connection.pipeline([slow_login(person, id=1), slow_login(person, id=2), {"op": "PING", "id": 3}])
        order = [reply["id"] for reply in replies]
        assert order[0] in (1, 2) and set(order) == {1, 2, 3}


def test_128_are_in_flight(slow, slow_person):
    with slow.connect() as connection:
        # All wait for one hash: what comes 128th is taken up before the first reply, what comes 129th is not.
        logins = [slow_login(slow_person, id=n) for n in range(1, 128)]
        replies = connection.pipeline([*logins, {"op": "PING", "id": 128}, {"op": "PING", "id": 129}])
        order = [reply["id"] for reply in replies]
        assert order[0] == 128 and set(order) == set(range(1, 130))
    with slow.connect() as connection:
        logins = [slow_login(slow_person, id=n) for n in range(1, 129)]
        replies = connection.pipeline([*logins, {"op": "PING", "id": 129}])
        assert replies[0]["id"] != 129 and {reply["id"] for reply in replies} == set(range(1, 130))


def test_10_000_lines_of_a_client_that_does_not_read(daemon):
    with daemon.connect() as other, daemon.connect() as connection:
        person = Person(other)
        before = daemon.rss_kib()
        line = {"op": "VERIFY", "token": person.access}
        data = (json.dumps(line) + "\n").encode() * 10_000
        sender = threading.Thread(target=connection.send_raw, args=(data,), daemon=True)
        sender.start()
        for _ in range(200):
            assert_ok(other.ask(line), "claims")
        assert sender.is_alive(), "it was read to the end, though nobody read its replies"
        assert daemon.rss_kib() - before < BOUND_KIB
        for reply in connection.read_replies(10_000):
            assert_ok(reply, "claims")
        sender.join()


def test_who_does_not_read_is_not_read(daemon):
    with daemon.connect() as other, daemon.connect() as connection:
        person = Person(other)
        before = daemon.rss_kib()
        connection.socket.setblocking(False)
        sent = 0
        # Five bytes in bring more than fifty out, so that a daemon that buffers shows it.
        chunk = b"PING\n" * 4_000
        while sent < 20_000_000 and select.select([], [connection.socket], [], 1)[1]:
            with contextlib.suppress(BlockingIOError):
                sent += connection.socket.send(chunk[sent % 5 :])
        assert sent < 20_000_000
        assert daemon.rss_kib() - before < BOUND_KIB
        assert_ok(other.call("VERIFY", token=person.access), "claims")
        connection.socket.settimeout(60)
        for reply in connection.read_replies(sent // 5):
            assert is_ping(reply)


def test_a_million_empty_lines(daemon):
    with daemon.connect() as other, daemon.connect() as connection:
        person = Person(other)
        before = daemon.rss_kib()
        sender = threading.Thread(target=connection.send_raw, args=(b"\n" * 1_000_000 + PING + b"\n",), daemon=True)
        sender.start()
        while sender.is_alive():
            assert_ok(other.call("VERIFY", token=person.access), "claims")
        assert is_ping(connection.read_reply())
        assert daemon.rss_kib() - before < BOUND_KIB


def test_replies_are_whole_for_a_slow_reader(daemon):
    with daemon.connect() as connection:
        connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        data = b"HELP\n" * 300
        sender = threading.Thread(target=connection.send_raw, args=(data,), daemon=True)
        sender.start()
        received = b""
        while received.count(b"\n") < 300:
            received += connection.socket.recv(777)
        sender.join()
        assert len(set(received.splitlines())) == 1
        assert_ok(parse_reply(received.splitlines()[0]), "ops")


# Connections


@pytest.mark.parametrize("setting", ["max_connections", "max_connections_per_uid"])
def test_too_many_connections(make, setting):
    daemon = make({"socket": {setting: 3}}).start()

    def connected():
        """Three connections that are served; what served the start-up may take a moment to be closed."""
        connections = []
        for _ in range(3):
            connection = daemon.connect()
            if not served(connection):
                for open_one in [*connections, connection]:
                    open_one.close()
                return None
            connections.append(connection)
        return connections

    def served(connection):
        try:
            connection.send("PING")
            line = connection.read_line()
        except (BrokenPipeError, ConnectionResetError):
            return False
        return line is not None and parse_reply(line)["ok"]

    connections = eventually(connected, "three connections")
    for _ in range(3):
        with daemon.connect() as surplus:
            (reply,) = surplus.read_to_end()
            assert_failure(reply, "busy")
            assert reply["retry_after_ms"] > 0 and "id" not in reply
    for connection in connections:
        assert is_ping(connection.ask("PING"))
    connections.pop().close()

    def again():
        connection = daemon.connect()
        if served(connection):
            return connection
        connection.close()
        return None

    eventually(again, "a place for another connection").close()
    for connection in connections:
        assert is_ping(connection.ask("PING"))


def test_clients_that_vanish(daemon, connection):
    person = Person(connection)
    files = daemon.open_files()
    dice = random.Random(1)
    login = json.dumps(slow_login(person)).encode() + b"\n"
    for n in range(300):
        other = daemon.connect()
        data = [b'{"op":"LOGIN","user', login, login * 5 + PING, PING + b"\n", b"", b"HELP\n" * 2_000, b"a" * 70_000][n % 7]
        other.socket.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            other.socket.send(data)
        if dice.random() < 0.3:
            other.half_close()
        other.close()
    assert_ok(connection.call("VERIFY", token=person.access), "claims")
    eventually(lambda: daemon.open_files() <= files, "every connection closed")
    eventually(lambda: connection.ask(slow_login(person))["ok"], "a LOGIN")


def test_work_that_has_begun_is_finished_without_its_client(daemon, connection):
    request = registration()
    with daemon.connect() as other:
        other.send(request)
    # The client is gone; whether its request had begun is not known, but it must not have been half done.
    login = {"op": "LOGIN", "username": request["username"], "password": request["password"]}
    if not connection.ask(login)["ok"]:
        reply = connection.ask(request)
        assert reply["ok"] or reply["error"] == "account_exists"
        assert_ok(connection.ask(login), *PAIR)


def test_out_of_descriptors(make):
    daemon = make(nofile=48).start()
    with daemon.connect() as old:
        assert is_ping(old.ask("PING"))
        others = [daemon.connect() for _ in range(100)]
        for other in others:
            with contextlib.suppress(BrokenPipeError):
                other.send("PING")
        assert is_ping(old.ask("PING"))
        before = daemon.cpu_seconds()
        # Nothing happens in this time, so there is nothing to wait for; a loop that spins would use all of it.
        time.sleep(2)
        assert daemon.cpu_seconds() - before < 1
        assert is_ping(old.ask("PING"))
        served = 0
        for other in others:
            # Each is answered at last, as those before it make room.
            try:
                line = other.read_line()
            except ConnectionResetError:
                line = None
            served += line is not None and parse_reply(line)["ok"]
            other.close()
        assert served >= 10
        assert is_ping(old.ask("PING"))
    with daemon.connect() as new:
        assert_ok(new.ask(registration()), *PAIR)
