"""Accounts for tests, each with a name that no other test has."""

import itertools
import os
import secrets

_numbers = itertools.count(1)

PAIR = ("user", "access_token", "refresh_token", "token_type", "expires_in", "refresh_expires_in")


def fresh_name(prefix="user"):
    return f"{prefix}-{os.getpid()}-{next(_numbers)}"


def fresh_password():
    """One that nothing speaks against: no part of a name is in it, no word, and no sequence."""
    return "quiet lamp " + "".join(secrets.choice("gjmptwz") for _ in range(12))


def password_of(count):
    """A good one of that many bytes."""
    return ("quiet lamp 7 " * (count // 13 + 1))[:count]


def registration(**changes):
    """The members of a REGISTER that succeeds, apart from the changes; a change to None leaves the member out."""
    name = fresh_name()
    request = {"op": "REGISTER", "username": name, "email": f"{name}@example.org", "password": fresh_password(), **changes}
    return {member: value for member, value in request.items() if value is not None}


def lasts_about(reply, seconds):
    """Whether the refresh token is good for that long, less what has passed since the session was written."""
    return type(reply["refresh_expires_in"]) is int and seconds - 60 <= reply["refresh_expires_in"] <= seconds


class Person:
    """A registered account, and the tokens of its last REGISTER, LOGIN or REFRESH."""

    def __init__(self, connection, **changes):
        request = registration(**changes)
        self.username, self.email, self.password = request["username"], request["email"], request["password"]
        self.take(connection.ask(request))

    def take(self, reply):
        assert reply["ok"], reply
        self.reply = reply
        self.user = reply["user"]
        self.access, self.refresh = reply["access_token"], reply["refresh_token"]
        return reply

    def login(self, connection, **members):
        return self.take(connection.ask({"op": "LOGIN", "username": self.username, "password": self.password, **members}))

    def rotate(self, connection):
        return self.take(connection.call("REFRESH", refresh_token=self.refresh))
