"""How often one may try: LOGIN and REGISTER under the throttle."""

import collections
import contextlib
import re
import time

import pytest

from .connection import ALLOWANCE, assert_failure, assert_ok
from .daemon import eventually
from .people import PAIR, Person, fresh_name, registration

HERE = {"ip": "192.0.2.1"}
ELSEWHERE = {"ip": "192.0.2.2"}


def wrong(name, client=HERE, **members):
    return {"op": "LOGIN", "login": name, "password": "not the password", "client": client, **members}


def allowance(reply):
    assert ALLOWANCE <= set(reply), reply
    return reply["limit"], reply["remaining"], reply["reset"]


@pytest.mark.parametrize("with_id", [True, False])
@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("connections", [1, 10])
def test_of_fifty_at_once_five_are_looked_at(make, with_id, known, connections):
    # Each takes long enough for all to be there before the first is done.
    daemon = make({"password": {"cost": 8, "workers": 4}}).start()
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(daemon.connect()) for _ in range(connections)]
        name = Person(clients[0]).username if known else fresh_name()
        each = 50 // connections
        for client in clients:
            client.send(*[wrong(name, **({"id": n} if with_id else {})) for n in range(each)])
        replies = [reply for client in clients for reply in client.read_replies(each)]
    counts = collections.Counter(reply["error"] for reply in replies)
    assert counts == {"invalid_credentials": 5, "rate_limited": 45}
    for reply in replies:
        if reply["error"] == "rate_limited":
            limit, remaining, reset = allowance(reply)
            assert (limit, remaining) == (5, 0)
            assert 0 < reset <= 900 and reply["retry_after"] == reset


def test_a_refusal_takes_no_worker(make):
    # A hash takes a second or so: what waited for one would not be answered before it.
    daemon = make({"password": {"cost": 13, "workers": 1}, "throttle": {"login_failures": 1}}).start()
    with daemon.connect() as connection, daemon.connect() as other:
        person = Person(connection)
        connection.send(wrong(fresh_name(), ELSEWHERE, id="slow"), wrong(person.username, id="counted"))
        refused = connection.ask(wrong(person.username, id="refused"))
        assert_failure(refused, "rate_limited", id="refused")
        # Nobody's VERIFY waits, whatever is refused meanwhile.
        connection.send(*[wrong(person.username, id=n) for n in range(100)])
        for _ in range(100):
            assert_ok(other.call("VERIFY", token=person.access), "claims")
        replies = connection.read_replies(102)
        assert [reply["id"] for reply in replies if reply["error"] != "rate_limited"] == ["slow", "counted"]


def test_the_right_password_is_refused_too_and_let_in_from_elsewhere(make):
    daemon = make({"throttle": {"login_window": "2s"}}).start()
    with daemon.connect() as connection:
        person = Person(connection)
        for left in (4, 3, 2, 1, 0):
            assert allowance(assert_failure(connection.ask(wrong(person.username)), "invalid_credentials"))[:2] == (5, left)
        for name in (person.username.upper(), person.email):
            right = {"op": "LOGIN", "login": name, "password": person.password}
            refused = assert_failure(connection.ask({**right, "client": {"ip": "::ffff:192.0.2.1"}}), "rate_limited")
            assert refused["retry_after"] in (1, 2)
            assert allowance(assert_ok(connection.ask({**right, "client": ELSEWHERE}), *PAIR)) == (5, 5, 0)
        eventually(lambda: connection.ask({**right, "client": HERE})["ok"], "the end of the window")


def test_an_address_has_twenty(make):
    daemon = make().start()
    with daemon.connect() as connection:
        person = Person(connection)
        network = [{"ip": f"2001:db8:0:1::{n:x}"} for n in range(1, 23)]
        for n in range(20):
            assert_failure(connection.ask(wrong(fresh_name(), network[n])), "invalid_credentials")
        assert allowance(assert_failure(connection.ask(wrong(fresh_name(), network[20])), "rate_limited"))[:2] == (20, 0)
        with_client = {"username": person.username, "password": person.password}
        assert_failure(connection.call("LOGIN", **with_client, client=network[21]), "rate_limited")
        assert_ok(connection.call("LOGIN", **with_client, client={"ip": "2001:db8:0:2::1"}), *PAIR)
        assert_ok(connection.call("LOGIN", **with_client), *PAIR)


def test_an_account_under_attack_opens_to_where_its_user_was_before(make):
    daemon = make({"throttle": {"account_failures": 10}}).start()
    with daemon.connect() as connection:
        person = Person(connection, client={"ip": "2001:db8::1"})
        for n in range(10):
            assert_failure(connection.ask(wrong(person.username, {"ip": f"198.51.100.{n}"})), "invalid_credentials")
        refused = assert_failure(connection.ask(wrong(person.username, {"ip": "198.51.100.99"})), "rate_limited")
        assert 1 <= refused["retry_after"] <= 30
        login = {"username": person.username, "password": person.password}
        assert_failure(connection.call("LOGIN", **login), "rate_limited")
    daemon.restart()
    with daemon.connect() as connection:
        assert_failure(connection.call("LOGIN", **login), "rate_limited")
        assert_ok(connection.call("LOGIN", **login, client={"ip": "2001:db8::2"}), *PAIR)
        # With that the row has ended.
        assert_ok(connection.call("LOGIN", **login), *PAIR)


def test_a_block_survives_a_crash(make):
    daemon = make().start()
    with daemon.connect() as connection:
        person = Person(connection)
        for _ in range(5):
            assert_failure(connection.ask(wrong(person.username)), "invalid_credentials")
    # Within a second it is on disk. Nobody announces it.
    time.sleep(1)
    daemon.crash_and_restart()
    with daemon.connect() as connection:
        refused = assert_failure(connection.ask(wrong(person.username)), "rate_limited")
        assert 0 < refused["retry_after"] <= 900
        assert_ok(connection.call("LOGIN", username=person.username, password=person.password, client=ELSEWHERE), *PAIR)
        for _ in range(4):
            assert_failure(connection.ask(wrong(person.username, ELSEWHERE)), "invalid_credentials")
    # A stop in good order takes no second to be remembered.
    daemon.restart()
    with daemon.connect() as connection:
        assert_failure(connection.ask(wrong(person.username)), "rate_limited")
        assert allowance(assert_failure(connection.ask(wrong(person.username, ELSEWHERE)), "invalid_credentials"))[:2] == (5, 0)


def test_busy_does_not_count(make):
    daemon = make({"password": {"cost": 10, "workers": 1, "queue": 1}, "throttle": {"login_failures": 1_000, "address_failures": 1_000}}).start()
    with daemon.connect() as connection:
        name = fresh_name()
        replies = connection.pipeline([wrong(name, id=n) for n in range(50)])
        looked_at = [reply for reply in replies if reply["error"] == "invalid_credentials"]
        assert 0 < len(looked_at) < 50
        last = assert_failure(connection.ask(wrong(name)), "invalid_credentials")
        # Without an address of its own the account is the tightest.
        assert allowance(last)[:2] == (100, 100 - len(looked_at) - 1)


def test_registrations_of_an_address(make):
    daemon = make({"throttle": {"register_per_address": 3, "per_address_window": "2s"}}).start()
    with daemon.connect() as connection:
        for _ in range(3):
            assert_ok(connection.ask(registration(client=HERE)), *PAIR)
        refused = assert_failure(connection.ask(registration(client=HERE)), "rate_limited")
        assert refused["retry_after"] in (1, 2) and not ALLOWANCE & set(refused)
        assert_ok(connection.ask(registration(client=ELSEWHERE)), *PAIR)
        for _ in range(5):
            assert_ok(connection.ask(registration()), *PAIR)
        eventually(lambda: connection.ask(registration(client=HERE))["ok"], "the end of the window")


def test_refusals_are_told_with_the_address_and_counted(make):
    daemon = make().start()
    with daemon.connect() as connection:
        person = Person(connection)
        connection.pipeline([wrong(person.username)] * 205)
    assert daemon.stop() == 0
    lines = [line for line in daemon.stderr.since(0) if "result=rate_limited" in line]
    told = [line for line in lines if "more like it" in line]
    logged = [line for line in lines if line not in told]
    assert 20 <= len(logged) <= 20 * len(told)
    assert len(logged) + sum(int(re.search(r" count=(\d+)", line)[1]) for line in told) == 200
    for line in logged:
        assert "op=LOGIN" in line and "ip=192.0.2.1" in line and f"user={person.username}" in line


@pytest.mark.parametrize("setting, value, words", [
    ("login_failures", 0, "throttle.login_failures"), ("account_max_delay", "2d", "throttle.account_max_delay"),
    ("max_buckets", 10, "throttle.max_buckets"), ("login_window", "0s", "throttle.login_window"),
])
def test_settings_that_make_no_sense(make, setting, value, words):
    _, said = make({"throttle": {setting: value}}).refused()
    assert words in said
