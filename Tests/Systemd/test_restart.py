"""Restarts and upgrades under load: what was written is answered, and nobody is refused."""

import itertools
import os

import pytest

from System.people import Person

from .clients import Asking, Pipelining
from .usher import BINARY, CHEAP, SOCKET, USHERD

RESTARTS = 4


class Load:
    """A hundred clients: most verify, some log in, some refresh one session over and over, some pipeline."""

    def __init__(self, machine):
        path = machine.path(SOCKET)
        with machine.connect() as connection:
            verifier, visitor = Person(connection), Person(connection)
            sessions = [Person(connection) for _ in range(10)]
        verify = {"op": "VERIFY", "token": verifier.access}
        login = {"op": "LOGIN", "username": visitor.username, "password": visitor.password}
        self.clients = [Asking(path, lambda: verify, granted) for _ in range(60)]
        self.clients += [Asking(path, lambda: login, granted) for _ in range(20)]
        self.clients += [Asking(path, lambda s=s: {"op": "REFRESH", "refresh_token": s.refresh}, s.take) for s in sessions]
        self.clients += [Pipelining(path, lambda: verify, granted) for _ in range(5)]
        numbers = itertools.count()
        self.clients += [Pipelining(path, lambda: {**verify, "id": next(numbers)}, granted) for _ in range(5)]

    def wait(self, machine):
        """Until each client has got another few replies."""
        before = [client.answered for client in self.clients]

        def all_go_on():
            for client in self.clients:
                if client.failure:
                    raise client.failure
            return all(client.answered >= count + 3 for client, count in zip(self.clients, before))

        machine.eventually(all_go_on, "replies to every client")

    def stop(self):
        self.ask_to_stop()
        for client in self.clients:
            client.stop()

    def ask_to_stop(self):
        for client in self.clients:
            client.ask_to_stop()


def granted(reply):
    assert reply["ok"], reply


@pytest.fixture
def load(machine):
    machine.settings(CHEAP)
    machine.restart()
    load = Load(machine)
    yield load
    load.ask_to_stop()


def test_nothing_is_lost_in_restarts(machine, load):
    for _ in range(RESTARTS):
        load.wait(machine)
        machine.restart()
    load.wait(machine)
    load.stop()
    # Each has seen each restart as an end of its connection, and as nothing else.
    assert all(client.connections == RESTARTS + 1 for client in load.clients), [client.connections for client in load.clients]
    assert machine.show("usher.service", "NRestarts") == "0"


def test_nothing_is_lost_in_an_upgrade(machine, load):
    load.wait(machine)
    running = os.stat(machine.path(f"/proc/{machine.main_pid()}/exe")).st_ino
    machine.copy(USHERD, BINARY, mode="0755")
    machine.restart()
    load.wait(machine)
    load.stop()
    assert os.stat(machine.path(f"/proc/{machine.main_pid()}/exe")).st_ino != running
    assert all(client.connections == 2 for client in load.clients)


def test_who_connects_while_there_is_no_daemon_waits(machine):
    machine.systemctl("stop", "usher.socket", "usher.service")
    machine.systemctl("start", "usher.socket")
    machine.drop_in("usher.service", "[Service]\nExecStartPre=/usr/bin/sleep 1\n")
    try:
        assert machine.ask("PING")["ok"]
    finally:
        machine.revert("usher.service")
