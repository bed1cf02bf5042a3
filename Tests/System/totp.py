"""One-time passwords as any authenticator makes them (RFC 6238), and people who have one."""

import base64
import hashlib
import hmac
import time

PERIOD = 30


def step(at=None):
    return int(time.time() if at is None else at) // PERIOD


def code(secret, counter):
    mac = hmac.new(base64.b32decode(secret), counter.to_bytes(8, "big"), hashlib.sha1).digest()
    offset = mac[19] & 15
    return f"{(int.from_bytes(mac[offset : offset + 4], 'big') & 0x7FFFFFFF) % 1_000_000:06}"


class Authenticator:
    """Shows codes, each of a later step than the one before. Three in quick succession are as many as there are."""

    def __init__(self, secret):
        self.secret = secret
        self.used = 0

    def next(self):
        self.used = max(step() - 1, self.used + 1)
        return code(self.secret, self.used)

    def wrong(self):
        shown = {code(self.secret, step() + steps) for steps in range(-2, 4)}
        return next(wrong for wrong in map("{:06}".format, range(10)) if wrong not in shown)


def enrol(connection, person):
    """Gives a person a second factor; the authenticator, and the recovery codes."""
    reply = connection.call("TOTP", action="enrol", token=person.access, password=person.password)
    assert reply["ok"], reply
    authenticator = Authenticator(reply["secret"])
    reply = connection.call("TOTP", action="confirm", token=person.access, code=authenticator.next())
    assert reply["ok"], reply
    return authenticator, reply["recovery_codes"]


def challenge(connection, person, **members):
    """The first step of a login."""
    reply = connection.call("LOGIN", login=person.username, password=person.password, **members)
    assert reply["error"] == "otp_required", reply
    return reply["challenge"]
