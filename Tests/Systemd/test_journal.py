"""What an operator asks the journal: the queries of README.md, each asked for real."""

import json
import re

import pytest

from System.people import Person

from .machine import REPOSITORY
from .usher import SETTINGS

README = (REPOSITORY / "README.md").read_text()
QUERIES = re.findall(r"^(journalctl .*?) +# (.*)$", README, re.M)
WWW_DATA = 33

LOGIN = """
import sys
from System.connection import Connection
with Connection("/run/usher/usher.sock") as connection:
    connection.send(sys.argv[1])
    connection.read_line()
"""


@pytest.fixture(scope="module")
def told(machine):
    """A day in the life of ada, and what each query of README.md answers then, by what it asks for."""
    with machine.connect() as connection:
        ada, bob = Person(connection, username="ada"), Person(connection)
        bob.login(connection)
        stolen = ada.refresh
        ada.rotate(connection)
        ada.rotate(connection)
        assert connection.call("REFRESH", refresh_token=stolen)["error"] == "refresh_token_reused"
    login = {"op": "LOGIN", "login": "ada", "password": ada.password, "client": {"ip": "192.0.2.7"}}
    for request in (login, {**login, "password": "wrong horse", "id": "order-4711"}):
        machine.python(LOGIN, json.dumps(request), uid=WWW_DATA, groups=[machine.gid()])
    settings = machine.run("cat", SETTINGS).stdout
    machine.settings("[token\n")
    machine.systemctl("restart", "usher.service", check=False)
    machine.settings(settings)
    machine.systemctl("restart", "usher.service")
    machine.run("journalctl", "--sync")
    answers = {}
    for query, asked in QUERIES:
        answers[asked] = [json.loads(line) for line in machine.run("sh", "-c", f"{query} --output=json").stdout.splitlines()]
    return answers


def about(told, word):
    (asked,) = [asked for asked in told if word in asked]
    return told[asked]


def results(entries):
    return [entry["USHER_RESULT"] for entry in entries]


def test_there_are_five_queries():
    assert len(QUERIES) == 5


def test_who_logged_in(told):
    entries = about(told, "logged in")
    assert results(entries) == ["ok", "invalid_credentials"]
    for entry in entries:
        assert (entry["USHER_USER"], entry["USHER_CLIENT_IP"], entry["USHER_PEER_UID"]) == ("ada", "192.0.2.7", str(WWW_DATA))
        assert entry["_SYSTEMD_UNIT"] == "usher.service"


def test_stolen_tokens(told):
    (entry,) = about(told, "stolen")
    assert (entry["USHER_OP"], entry["USHER_USER"], entry["PRIORITY"]) == ("REFRESH", "ada", "4")


def test_failures_of_ours(told):
    entries = about(told, "failures of ours")
    assert any(f"{SETTINGS}:1:7" in entry["MESSAGE"] for entry in entries), entries
    assert all(int(entry["PRIORITY"]) <= 3 for entry in entries)


def test_what_was_denied_to_a_uid(told):
    (entry,) = about(told, "of one uid")
    assert (entry["USHER_OP"], entry["USHER_RESULT"]) == ("LOGIN", "invalid_credentials")


def test_what_happened_to_a_request(told):
    (entry,) = about(told, "with this id")
    assert (entry["USHER_OP"], entry["USHER_RESULT"]) == ("LOGIN", "invalid_credentials")


def test_events_are_explained(told, machine):
    said = machine.run("journalctl", "--catalog", "--no-pager", "USHER_RESULT=refresh_token_reused").stdout
    assert "Subject: A refresh token was used twice" in said and "whether it was: refresh_token_reused" in said
    listed = machine.run("journalctl", "--list-catalog", "--no-pager").stdout
    ids = re.findall(r'"([0-9a-f]{32})"', (REPOSITORY / "Sources/UsherSystemd/MessageID.swift").read_text())
    assert len(ids) > 40 and [one for one in ids if one not in listed] == []
