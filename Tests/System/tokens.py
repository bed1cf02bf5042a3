"""Tokens made by hand, right ones and others."""

import base64
import hashlib
import hmac
import json
import time
import uuid

from .daemon import JWT_SECRET, REFRESH_SECRET

HASHES = {"HS256": hashlib.sha256, "HS384": hashlib.sha384, "HS512": hashlib.sha512}

# As the value of a change: leave this member out.
ABSENT = object()


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def as_bytes(part):
    if isinstance(part, bytes):
        return part
    return json.dumps(part, ensure_ascii=False, separators=(",", ":")).encode()


def changed(base, changes):
    return {name: value for name, value in {**base, **changes}.items() if value is not ABSENT}


def mac(text, secret=JWT_SECRET, algorithm="HS256"):
    secret = secret.encode() if isinstance(secret, str) else secret
    return hmac.new(secret, text.encode() if isinstance(text, str) else text, HASHES[algorithm]).digest()


def seal_encoded(header, payload, secret=JWT_SECRET, algorithm="HS256"):
    """A signature over two parts that are encoded already, however oddly."""
    return f"{header}.{payload}.{b64(mac(f'{header}.{payload}', secret, algorithm))}"


def seal(header, payload, secret=JWT_SECRET, algorithm="HS256"):
    """A signed token of a header and a payload, each a dict, or bytes that are taken as they are."""
    return seal_encoded(b64(as_bytes(header)), b64(as_bytes(payload)), secret, algorithm)


def header(**changes):
    return changed({"alg": "HS256", "typ": "at+jwt"}, changes)


def claims(**changes):
    """What an access token must claim, good for a quarter of an hour."""
    now = int(time.time())
    return changed(
        {
            "iss": "usher", "aud": "usher", "sub": str(uuid.uuid4()), "iat": now, "exp": now + 900,
            "jti": str(uuid.uuid4()), "sid": str(uuid.uuid4()),
        },
        changes,
    )


def access(_header=None, **changes):
    """An access token that verifies, apart from the changes."""
    return seal(header(**(_header or {})), claims(**changes))


def parts(token):
    """Header and payload."""
    head, body, _ = token.split(".")
    return json.loads(unb64(head)), json.loads(unb64(body))


def resealed(token, secret=JWT_SECRET, _header=None, **changes):
    """The same token with other claims, signed anew."""
    head, body = parts(token)
    return seal(changed(head, _header or {}), changed(body, changes), secret, head["alg"])


def resealed_refresh(token, _header=None, **changes):
    return resealed(token, REFRESH_SECRET, _header, **changes)
