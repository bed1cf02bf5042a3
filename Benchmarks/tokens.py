"""Access tokens that nobody has issued but the secret makes good, and requests that carry them."""

import base64
import hashlib
import hmac
import json
import random
import time

DISTINCT = 10_000
BAD_ONE_IN = 100
USERNAME = "user_00000"
PASSWORD = "correct horse battery staple"


def _encoded(raw):
    return base64.urlsafe_b64encode(raw).rstrip(b"=")


def _decoded(part):
    return base64.urlsafe_b64decode(part + b"=" * (-len(part) % 4))


def _identifier(chance, milliseconds):
    """A UUIDv7."""
    bits = milliseconds << 80 | 7 << 76 | chance.getrandbits(12) << 64 | 2 << 62 | chance.getrandbits(62)
    digits = f"{bits:032x}"
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def _tampered(token):
    """The token with another first character of its signature, so that it stays canonical base64url."""
    head, _, signature = token.rpartition(b".")
    return head + b"." + (b"B" if signature[:1] == b"A" else b"A") + signature[1:]


def verify_requests(model, secret):
    """`DISTINCT` lines `(expected start of the reply, request)`, one in `BAD_ONE_IN` with a token that must be refused:
    by turns for its signature and for its age.

    `model` is a token of the daemon's own: its header is taken as it is, and its payload but for what tells one token
    from another. The daemon answers with the payload's own bytes, so each reply is known to its last claim.
    """
    header, payload, _ = model.encode().split(b".")
    claims = json.loads(_decoded(payload))
    chance = random.Random(1)
    now = int(time.time())
    lines = []
    for number in range(DISTINCT):
        bad = number % BAD_ONE_IN == 0
        expired = bad and number // BAD_ONE_IN % 2 == 1
        times = {"iat": now - 7200, "nbf": now - 7200, "exp": now - 3600} if expired else {}
        person = {
            **{name: _identifier(chance, now * 1000) for name in ("sub", "jti", "sid")},
            "username": f"user_{number:05}", "email": f"user_{number:05}@example.com",
        }
        changed = {name: value for name, value in (person | times).items() if name in claims}
        content = json.dumps(claims | changed, separators=(",", ":")).encode()
        signed = header + b"." + _encoded(content)
        token = signed + b"." + _encoded(hmac.digest(secret, signed, hashlib.sha256))
        if expired:
            expected = b'{"ok":false,"error":"token_expired"'
        elif bad:
            token, expected = _tampered(token), b'{"ok":false,"error":"token_invalid"'
        else:
            expected = b'{"ok":true,"claims":' + content
        lines.append((expected, b'{"op":"VERIFY","token":"' + token + b'"}'))
    return lines


def login_request(username):
    return json.dumps({"op": "LOGIN", "username": username, "password": PASSWORD}).encode()
