"""VERIFY: tokens of ours, tokens made elsewhere with the same secret, and hostile ones."""

import json
import random
import time
import uuid

import pytest

from .connection import assert_failure, assert_ok
from .daemon import JWT_SECRET, REFRESH_SECRET
from .people import Person
from .tokens import ABSENT, HASHES, access, b64, claims, header, mac, parts, resealed, seal, seal_encoded, unb64

NOW = int(time.time())
TOLERANCE = 30


@pytest.fixture(scope="module")
def daemon(make_shared):
    return make_shared({"token": {"audiences": ["usher", "api"]}}).start()


def verify(connection, token, **members):
    return connection.call("VERIFY", token=token, **members)


# What verifies


def test_a_token_of_ours(connection, person):
    reply = assert_ok(verify(connection, person.access), "claims")
    assert reply["claims"] == parts(person.access)[1]


def test_its_claims_are_the_payload(connection, person):
    connection.send({"op": "VERIFY", "token": person.access})
    assert unb64(person.access.split(".")[1]) in connection.read_line()


def test_verifying_uses_nothing_up(connection, person):
    for _ in range(3):
        assert_ok(verify(connection, person.access), "claims")


def test_a_token_made_elsewhere(connection):
    made = claims(sub="somebody", jti="x", sid="y")
    assert assert_ok(verify(connection, seal(header(), made)), "claims")["claims"] == made


GOOD_CLAIMS = {
    "aud in a list": {"aud": ["usher"]},
    "aud in a longer list": {"aud": ["api", "usher", "other"]},
    "exp with a fraction": {"exp": NOW + 900.5},
    "exp with an exponent": {"exp": 1e10},
    "exp far away": {"exp": 2**53 - 1},
    "iat with a fraction": {"iat": NOW - 0.25},
    "nbf now": {"nbf": NOW},
    "nbf long ago": {"nbf": -(2**53) + 1},
    "odd strings": {"sub": "ü\n\"\\\u2028😀", "jti": "\0", "sid": " "},
    "a null of no registered claim": {"department": None},
    "claims of any kind": {"department": "R&D", "flags": [1, -2.5, None, True, {"a": {"b": []}}], "big": 10**30, "": ""},
    "long strings": {"sub": "s" * 1_000, "jti": "j" * 1_000, "sid": "k" * 1_000},
}


@pytest.mark.parametrize("name", GOOD_CLAIMS)
def test_good_claims(connection, name):
    made = claims(**GOOD_CLAIMS[name])
    assert assert_ok(verify(connection, seal(header(), made)), "claims")["claims"] == made


def test_within_the_tolerance(connection):
    now = int(time.time())
    assert_ok(verify(connection, access(exp=now - TOLERANCE // 3)), "claims")
    assert_ok(verify(connection, access(nbf=now + TOLERANCE // 2)), "claims")


GOOD_HEADERS = {
    "typ in capitals": {"typ": "AT+JWT"},
    "typ in mixed case": {"typ": "At+jWt"},
    "typ as a media type": {"typ": "application/at+jwt"},
    "typ as a media type in mixed case": {"typ": "Application/AT+JWT"},
    "jwk": {"jwk": {"kty": "oct", "k": b64(b"evil" * 16)}},
    "jku": {"jku": "https://example.org/keys"},
    "x5u": {"x5u": "https://example.org/cert"},
    "x5c": {"x5c": ["MIIB"]},
    "x5t": {"x5t": "abc"},
    "cty": {"cty": "JWT"},
    "something else": {"colour": "blue", "n": [1, {"a": None}]},
}


@pytest.mark.parametrize("name", GOOD_HEADERS)
def test_good_header(connection, name):
    assert_ok(verify(connection, access(GOOD_HEADERS[name])), "claims")


def test_kid(connection, person):
    kid = parts(person.access)[0]["kid"]
    assert_ok(verify(connection, access({"kid": kid})), "claims")
    assert_ok(verify(connection, access({"kid": ABSENT})), "claims")
    for wrong in ("", "other", kid + "x", kid[:-1], kid.swapcase() if kid.swapcase() != kid else "z", " " + kid, 0, 1.5, None, True, [kid], {"kid": kid}, kid + "\0",
                  "../../etc/passwd", "' OR 1=1 --"):
        assert_failure(verify(connection, access({"kid": wrong})), "token_invalid")


def test_a_key_given_in_the_header_is_not_used(connection):
    evil = b"evil" * 16
    token = seal(header(jwk={"kty": "oct", "k": b64(evil)}), claims(), evil)
    assert_failure(verify(connection, token), "token_invalid")


# Odd text that is JSON all the same


def test_a_payload_with_line_feeds_breaks_no_line(connection):
    made = claims()
    for blank in (b"\n", b"\r\n", b"\r", b"\t", b"\n" * 50, b" \n"):
        payload = json.dumps(made, indent=1).encode().replace(b"\n", blank)
        reply = assert_ok(verify(connection, seal(header(), payload)), "claims")
        assert reply["claims"] == made
    assert_ok(connection.ask("PING"), "server", "version", "protocol")


def test_a_forged_reply_inside_a_payload(connection):
    made = claims(note='\n{"ok":true,"claims":{"role":"admin"}}\n')
    payload = json.dumps(made, indent=1).encode()
    replies = connection.pipeline([{"op": "VERIFY", "token": seal(header(), payload)}, {"op": "VERIFY", "token": "x"}])
    assert replies[0]["claims"] == made
    assert_failure(replies[1], "token_invalid")


@pytest.mark.parametrize("payload", [
    lambda made: b" " + json.dumps(made).encode() + b" ",
    lambda made: b"\n" + json.dumps(made).encode() + b"\n",
    lambda made: json.dumps(made).encode().replace(b'"exp"', rb'"\u0065xp"'),
    lambda made: json.dumps(made).encode().replace(b'"iss": "usher"', rb'"iss": "\u0075sher"'),
    lambda made: json.dumps(made).encode().replace(b'"aud": "usher"', rb'"aud": "ushe\u0072"'),
    lambda made: json.dumps({**made, "note": "é😀\x7f\u2028"}, ensure_ascii=False).encode(),
    lambda made: json.dumps({**made, "note": "é😀\x7f\u2028"}).encode(),
    lambda made: json.dumps(made).encode()[:-1] + b',"n":1e400,"m":-0,"o":1E+2}',
    lambda made: json.dumps(dict(reversed(made.items()))).encode(),
], ids=range(9))
def test_good_odd_payload(connection, payload):
    text = payload(claims())
    assert assert_ok(verify(connection, seal(header(), text)), "claims")["claims"] == json.loads(text)


def test_an_escaped_name_is_the_same_name(connection):
    expired = json.dumps(claims(exp=NOW - 3600)).encode().replace(b'"exp"', rb'"e\u0078p"')
    assert_failure(verify(connection, seal(header(), expired)), "token_expired", expired_at=NOW - 3600)


@pytest.mark.parametrize("text", [
    b'{"alg":"HS256","typ":"at+jwt"}', b' {"typ":"at+jwt", "alg":"HS256"} ', b'{\n"alg":"HS256",\r\n\t"typ":"at+jwt"\n}', rb'{"\u0061lg":"HS256","typ":"at\u002bjwt"}',
    rb'{"alg":"HS\u0032\u0035\u0036","\u0074yp":"\u0061t+jwt"}',
])
def test_good_odd_header(connection, text):
    assert_ok(verify(connection, seal(text, claims())), "claims")


# What does not: claims


BAD_CLAIMS = {
    **{f"no {name}": {name: ABSENT} for name in ("iss", "aud", "sub", "iat", "exp", "jti", "sid")},
    **{f"{name} is null": {name: None} for name in ("iss", "aud", "sub", "iat", "exp", "jti", "sid", "nbf")},
    **{f"{name} is empty": {name: ""} for name in ("iss", "aud", "sub", "iat", "exp", "jti", "sid", "nbf")},
    **{f"{name} is a number": {name: 5} for name in ("iss", "aud", "sub", "jti", "sid")},
    **{f"{name} is true": {name: True} for name in ("iss", "aud", "sub", "iat", "exp", "jti", "sid", "nbf")},
    **{f"{name} is a list": {name: ["usher"]} for name in ("iss", "sub", "iat", "exp", "jti", "sid", "nbf")},
    **{f"{name} is an object": {name: {"a": 1}} for name in ("iss", "aud", "sub", "iat", "exp", "jti", "sid", "nbf")},
    **{f"{name} is text": {name: str(NOW + 900)} for name in ("iat", "exp", "nbf")},
    **{f"{name} is 2^53": {name: 2**53} for name in ("iat", "exp", "nbf")},
    **{f"{name} is -2^53": {name: -(2**53)} for name in ("iat", "exp", "nbf")},
    **{f"{name} is 2^63": {name: 2**63} for name in ("iat", "exp", "nbf")},
    **{f"{name} is 2^64 and an hour": {name: 2**64 + NOW + 3600} for name in ("iat", "exp", "nbf")},
    **{f"{name} is 1e300": {name: 1e300} for name in ("iat", "exp", "nbf")},
    "an issuer of another name": {"iss": "other"},
    "an issuer in capitals": {"iss": "Usher"},
    "an issuer with a blank": {"iss": "usher "},
    "another audience": {"aud": "other"},
    "another of our audiences": {"aud": "api"},
    "an audience in capitals": {"aud": "USHER"},
    "an audience cut short": {"aud": "ushe"},
    "an audience with more": {"aud": "usherx"},
    "no audience in the list": {"aud": []},
    "other audiences in the list": {"aud": ["api", "other"]},
    "a number in the list": {"aud": ["usher", 5]},
    "a null in the list": {"aud": [None, "usher"]},
    "a list in the list": {"aud": [["usher"]]},
    "an audience as a key": {"aud": {"usher": 1}},
}


@pytest.mark.parametrize("name", BAD_CLAIMS)
def test_bad_claims(connection, name):
    assert_failure(verify(connection, access(**BAD_CLAIMS[name])), "token_invalid")


@pytest.mark.parametrize("name", ["iat", "exp", "nbf"])
def test_infinite_dates(connection, name):
    for number in (b"1e400", b"-1e400", b"1e99999999999", b"9" * 400, b"1" + b"0" * 309 + b".5"):
        payload = json.dumps(claims(**{name: 0})).encode().replace(b'"%s": 0' % name.encode(), b'"%s": %s' % (name.encode(), number))
        assert_failure(verify(connection, seal(header(), payload)), "token_invalid")


# What does not: time


@pytest.mark.parametrize("exp", [NOW - 60, NOW - 86_400, 0, -0.0, -1, 1, -(2**53) + 1, 1e3])
def test_expired(connection, exp):
    reply = assert_failure(verify(connection, access(exp=exp)), "token_expired")
    assert reply["expired_at"] == int(exp)


def test_expired_with_a_fraction(connection):
    reply = assert_failure(verify(connection, access(exp=NOW - 100.5)), "token_expired")
    assert abs(reply["expired_at"] - (NOW - 100.5)) < 1


@pytest.mark.parametrize("ahead", [300, 86_400])
def test_not_active_yet(connection, ahead):
    assert_failure(verify(connection, access(nbf=NOW + ahead + 900, exp=NOW + 10**6)), "token_not_active", active_at=NOW + ahead + 900)


def test_not_active_with_a_fraction(connection):
    reply = assert_failure(verify(connection, access(nbf=NOW + 5_000.5, exp=NOW + 10**6)), "token_not_active")
    assert abs(reply["active_at"] - (NOW + 5_000.5)) < 1


def test_tolerance_is_a_setting(make):
    daemon = make({"token": {"clock_tolerance": "10m"}}).start()
    with daemon.connect() as connection:
        now = int(time.time())
        assert_ok(verify(connection, access(exp=now - 300)), "claims")
        assert_ok(verify(connection, access(nbf=now + 300)), "claims")
        assert_failure(verify(connection, access(exp=now - 900)), "token_expired")
        assert_failure(verify(connection, access(nbf=now + 1500, exp=now + 3000)), "token_not_active")


def test_a_token_of_ours_expires(make):
    daemon = make({"token": {"access_expiry": "2s", "clock_tolerance": "0s", "refresh_grace": "1s"}}).start()
    with daemon.connect() as connection:
        person = Person(connection)
        assert person.reply["expires_in"] == 2
        reply = verify(connection, person.access)
        while reply["ok"]:
            time.sleep(0.05)
            reply = verify(connection, person.access)
        assert_failure(reply, "token_expired", expired_at=parts(person.access)[1]["exp"])
        assert time.time() >= reply["expired_at"]


# What does not: the order of faults


def test_the_first_fault_is_told(connection):
    wrong = "another secret that is long enough for all of this"
    past, future = NOW - 3600, NOW + 3600
    # Signature, then header and claims, then issuer and audience, then exp, then nbf.
    assert_failure(verify(connection, seal(header(), claims(exp=past), wrong)), "token_invalid")
    assert_failure(verify(connection, access({"typ": "JWT"}, exp=past)), "token_invalid")
    assert_failure(verify(connection, access({"crit": ["exp"]}, exp=past)), "token_invalid")
    assert_failure(verify(connection, access(exp=past, sid=ABSENT)), "token_invalid")
    assert_failure(verify(connection, access(exp=past, nbf="soon")), "token_invalid")
    assert_failure(verify(connection, access(exp=past, iss="other")), "token_invalid")
    assert_failure(verify(connection, access(exp=past, aud="other")), "token_invalid")
    assert_failure(verify(connection, access(exp=past, nbf=future)), "token_expired")


def test_revocation_is_told_last(connection, person):
    assert connection.call("REVOKE", token=person.access)["revoked"] is True
    assert_failure(verify(connection, person.access), "token_revoked")
    assert_failure(verify(connection, resealed(person.access, exp=NOW - 3600)), "token_expired")
    assert_failure(verify(connection, resealed(person.access, nbf=NOW + 3600, exp=NOW + 7200)), "token_not_active")
    assert_failure(verify(connection, resealed(person.access, aud="other")), "token_invalid")


# What does not: header and signature


BAD_HEADERS = {
    "none": {"alg": "none"}, "None": {"alg": "None"}, "NONE": {"alg": "NONE"}, "no alg": {"alg": ABSENT}, "null": {"alg": None}, "empty": {"alg": ""},
    "lower case": {"alg": "hs256"}, "blank": {"alg": "HS256 "}, "list": {"alg": ["HS256"]}, "number": {"alg": 256}, "other hash": {"alg": "HS384"},
    "other hash 2": {"alg": "HS512"}, "RSA": {"alg": "RS256"}, "EC": {"alg": "ES256"}, "EdDSA": {"alg": "EdDSA"}, "NUL": {"alg": "HS256\0"},
    "typ JWT": {"typ": "JWT"}, "typ jwt": {"typ": "jwt"}, "typ rt+jwt": {"typ": "rt+jwt"}, "typ empty": {"typ": ""}, "typ null": {"typ": None}, "no typ": {"typ": ABSENT},
    "typ number": {"typ": 5}, "typ list": {"typ": ["at+jwt"]}, "typ blank": {"typ": "at+jwt "}, "typ parameter": {"typ": "application/at+jwt;v=1"},
    "typ other tree": {"typ": "text/at+jwt"}, "typ slash": {"typ": "/at+jwt"}, "typ twice": {"typ": "application/application/at+jwt"}, "typ dotless": {"typ": "at+jwt\u0131"},
    "typ longer": {"typ": "xat+jwt"}, "typ Kelvin": {"typ": "at+\u212awt"},
    "crit": {"crit": ["exp"], "exp": 1}, "crit b64": {"crit": ["b64"], "b64": False}, "crit empty": {"crit": []}, "crit text": {"crit": "exp"}, "crit null": {"crit": None},
    "crit object": {"crit": {}}, "crit unknown": {"crit": ["https://example.org/x"], "https://example.org/x": True},
}


@pytest.mark.parametrize("name", BAD_HEADERS)
def test_bad_header(connection, name):
    assert_failure(verify(connection, access(BAD_HEADERS[name])), "token_invalid")


@pytest.mark.parametrize("alg", ["HS384", "HS512"])
def test_the_key_decides_the_algorithm(connection, alg):
    assert_failure(verify(connection, seal(header(alg=alg), claims(), JWT_SECRET, alg)), "token_invalid")
    assert_failure(verify(connection, seal(header(), claims(), JWT_SECRET, alg)), "token_invalid")


@pytest.mark.parametrize("alg", ["none", "None", "nOnE"])
def test_no_signature(connection, alg):
    unsigned = f"{b64(json.dumps(header(alg=alg)).encode())}.{b64(json.dumps(claims()).encode())}"
    for token in (unsigned, unsigned + ".", unsigned + "..", unsigned + "." + b64(b"\0" * 32)):
        assert_failure(verify(connection, token), "token_invalid")


@pytest.mark.parametrize("secret", ["", "usher", "secret", REFRESH_SECRET, JWT_SECRET[:-1], JWT_SECRET + "\n", JWT_SECRET + "\0", JWT_SECRET.upper()])
def test_another_secret(connection, secret):
    # HMAC pads a key with NUL up to its block; our secret is longer than a block, and so one with a NUL more is another.
    assert_failure(verify(connection, seal(header(), claims(), secret)), "token_invalid")


def test_every_bit_of_the_signature_counts(connection, person):
    head, body, signature = person.access.split(".")
    right = unb64(signature)
    tokens = []
    for bit in range(len(right) * 8):
        wrong = bytearray(right)
        wrong[bit // 8] ^= 1 << bit % 8
        tokens.append(f"{head}.{body}.{b64(bytes(wrong))}")
    tokens += [f"{head}.{body}.{b64(right[:length])}" for length in range(len(right))]
    tokens += [f"{head}.{body}.{b64(right + more)}" for more in (b"\0", b"x", right)]
    for reply in connection.pipeline([{"op": "VERIFY", "token": token} for token in tokens]):
        assert_failure(reply, "token_invalid")
    assert_ok(verify(connection, person.access))


def spare_bits(text):
    """The same bytes in base64url, with spare bits set that must be zero."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    assert len(text) % 4 in (2, 3)
    return text[:-1] + alphabet[alphabet.index(text[-1]) | 1]


def lengthened(object_, remainder):
    """JSON of the object whose base64url has that many characters beyond a multiple of four."""
    text = json.dumps(object_)
    while len(b64(text.encode())) % 4 != remainder:
        text += " "
    return text.encode()


@pytest.mark.parametrize("remainder", [2, 3])
def test_spare_bits_are_zero(connection, remainder):
    head, body = b64(lengthened(header(), remainder)), b64(lengthened(claims(), remainder))
    assert_ok(verify(connection, seal_encoded(head, body)), "claims")
    assert_failure(verify(connection, seal_encoded(spare_bits(head), body)), "token_invalid")
    assert_failure(verify(connection, seal_encoded(head, spare_bits(body))), "token_invalid")
    signature = b64(mac(f"{head}.{body}"))
    assert_failure(verify(connection, f"{head}.{body}.{spare_bits(signature)}"), "token_invalid")


@pytest.mark.parametrize("part", [0, 1, 2])
@pytest.mark.parametrize("odd", ["=", "==", "A", "\n", " ", "\r\n", "+", "/", "\0", "é", ".", "%3D", "\u2028", "~"])
def test_base64url_and_nothing_else(connection, part, odd):
    pieces = [b64(lengthened(header(), 0)), b64(lengthened(claims(), 0))]
    for place in ("behind", "before", "within"):
        dressed = list(pieces)
        if part < 2:
            text = dressed[part]
            dressed[part] = {"behind": text + odd, "before": odd + text, "within": text[:8] + odd + text[8:]}[place]
            token = seal_encoded(*dressed)
        else:
            text = b64(mac(".".join(dressed)))
            dressed.append({"behind": text + odd, "before": odd + text, "within": text[:8] + odd + text[8:]}[place])
            token = ".".join(dressed)
        assert_failure(verify(connection, token), "token_invalid")


def test_plus_and_slash_are_no_base64url(connection):
    token = next(token for token in (access(note="ÿ>?~" * 8 + "x" * n) for n in range(60)) if {"-", "_"} <= set(token.split(".")[1]))
    head, body, _ = token.split(".")
    assert_ok(verify(connection, token), "claims")
    assert_failure(verify(connection, seal_encoded(head, body.replace("-", "+").replace("_", "/"))), "token_invalid")


BAD_TEXTS = {
    "empty": b"", "blank": b" ", "no object": b"[]", "text": b'"x"', "number": b"1", "null": b"null", "cut short": b'{"alg":"HS256"', "behind": b'{"a":1}x', "two": b"{}{}",
    "BOM": b"\xef\xbb\xbf{}", "UTF-16": '{"a":1}'.encode("utf-16"), "bad UTF-8": b'{"a":"\xff"}', "NUL": b'{"a":1}\0', "binary": bytes(range(256)),
    "surrogate": rb'{"a":"\ud800"}', "comma": b'{"a":1,}', "control": b'{"a":"\n"}', "single quotes": b"{'a':1}", "NaN": b'{"a":NaN}',
}


@pytest.mark.parametrize("name", BAD_TEXTS)
def test_bad_json_in_a_token(connection, name):
    text = BAD_TEXTS[name]
    assert_failure(verify(connection, seal(text, claims())), "token_invalid")
    assert_failure(verify(connection, seal(header(), text)), "token_invalid")
    # The same faults behind all that is due.
    if text.startswith(b"{") and text[1:2] not in (b"}",):
        for good, build in ((header(), lambda t: seal(t, claims())), (claims(), lambda t: seal(header(), t))):
            spoilt = json.dumps(good).encode()[:-1] + b"," + text[1:]
            assert_failure(verify(connection, build(spoilt)), "token_invalid")


@pytest.mark.parametrize("twice", [b'"alg":"HS256"', b'"typ":"at+jwt"', b'"x":1,"x":1', rb'"\u0061lg":"HS256"', rb'"x":1,"\u0078":2', b'"x":{"y":1,"y":1}', b'"alg":"none"'])
def test_duplicates_in_the_header(connection, twice):
    assert_failure(verify(connection, seal(json.dumps(header()).encode()[:-1] + b"," + twice + b"}", claims())), "token_invalid")
    assert_failure(verify(connection, seal(b"{" + twice + b"," + json.dumps(header()).encode()[1:], claims())), "token_invalid")


@pytest.mark.parametrize(
    "twice", [b'"exp":99999999999', b'"aud":"usher"', b'"sub":"root"', b'"role":"a","role":"b"', rb'"\u0065xp":99999999999', b'"x":{"y":1,"y":1}', b'"x":[{"y":1,"\\u0079":1}]'])
def test_duplicates_in_the_payload(connection, twice):
    assert_failure(verify(connection, seal(header(), json.dumps(claims()).encode()[:-1] + b"," + twice + b"}")), "token_invalid")
    assert_failure(verify(connection, seal(header(), b"{" + twice + b"," + json.dumps(claims()).encode()[1:])), "token_invalid")


@pytest.mark.parametrize("levels, fits", [(31, True), (32, True), (33, False), (5_000, False)])
def test_nesting(connection, levels, fits):
    deep = b"[" * (levels - 1) + b"]" * (levels - 1)
    in_header = seal(json.dumps(header()).encode()[:-1] + b',"x":' + deep + b"}", claims())
    in_payload = seal(header(), json.dumps(claims()).encode()[:-1] + b',"x":' + deep + b"}")
    for token in (in_header, in_payload):
        reply = verify(connection, token)
        if fits:
            assert_ok(reply, "claims")
        else:
            assert_failure(reply, "token_invalid")


def test_a_large_token(connection):
    made = claims(note="x" * 40_000)
    reply = verify(connection, seal(header(), made))
    # Whether there is a longest token is the daemon's affair; a crash or another's claims are not.
    if reply["ok"]:
        assert reply["claims"] == made
    else:
        assert_failure(reply, "token_invalid")


@pytest.mark.parametrize(
    "token", ["", " ", ".", "..", "...", "a", "a.b", "a.b.c", "a.b.c.d", "null", "Bearer", "\0", "\n", "é", "😀.😀.😀", "." * 1_000, "A" * 60_000, "eyJ.eyJ.A", "0", "{}", "AAAA.AAAA.AAAA"])
def test_no_token_at_all(connection, token):
    assert_failure(verify(connection, token), "token_invalid")


@pytest.mark.parametrize("dress", ["{} ", " {}", "{}\n", "\t{}", "Bearer {}", '"{}"', "{}.", ".{}", "{}.{}", "{}\0", "{},{}"])
def test_a_token_and_something_else(connection, person, dress):
    assert_failure(verify(connection, dress.replace("{}", person.access)), "token_invalid")


def test_parts_of_several_tokens(connection):
    one, two = access().split("."), access({"cty": "x"}).split(".")
    for mixed in ([two[0], one[1], one[2]], [one[0], two[1], one[2]], [one[0], one[1], two[2]], [one[1], one[0], one[2]]):
        assert_failure(verify(connection, ".".join(mixed)), "token_invalid")


def test_a_refresh_token_is_no_access_token(connection, person):
    assert_failure(verify(connection, person.refresh), "token_invalid")
    head, body = parts(person.refresh)
    assert_failure(verify(connection, seal({**head, "typ": "at+jwt"}, {**claims(), **body}, REFRESH_SECRET)), "token_invalid")


def test_random_damage(connection, person):
    dice = random.Random(7)
    tokens = []
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+ \0é"
    while len(tokens) < 3_000:
        token = list(person.access)
        for _ in range(dice.randint(1, 4)):
            at = dice.randrange(len(token))
            match dice.randrange(3):
                case 0:
                    token[at] = dice.choice(alphabet)
                case 1:
                    del token[at]
                case 2:
                    token.insert(at, dice.choice(alphabet))
        if (damaged := "".join(token)) != person.access:
            tokens.append(damaged)
    for reply in connection.pipeline([{"op": "VERIFY", "token": token} for token in tokens]):
        assert_failure(reply, "token_invalid")


# How a token is handed over


def test_no_token(connection):
    assert_failure(connection.call("VERIFY"), "token_required")
    assert_failure(connection.call("VERIFY", token=None, authorization=None), "token_required")


def test_both_ways_at_once(connection, person):
    reply = connection.call("VERIFY", token=person.access, authorization=f"Bearer {person.access}")
    assert_failure(reply, "invalid_field")
    assert reply["field"] in ("token", "authorization")


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "bEaReR"])
def test_authorization(connection, person, scheme):
    reply = assert_ok(connection.call("VERIFY", authorization=f"{scheme} {person.access}"), "claims")
    assert reply["claims"] == parts(person.access)[1]


@pytest.mark.parametrize("value", ["Basic dXNlcjpwYXNz", "basic x", "Digest a=b, c=d", "Token {}", "Bearers {}", "Bear {}", "DPoP {}", "", "{}", "xBearer {}", "Bearer={}", "Bearer,{}"])
def test_authorization_that_is_no_bearer(connection, person, value):
    assert_failure(connection.call("VERIFY", authorization=value.replace("{}", person.access)), "token_required")


@pytest.mark.parametrize("value", ["Bearer", "Bearer ", "bearer", "Bearer a b", "Bearer {} {}", "Bearer {} x", "Bearer x", "Bearer {}x", "Bearer {},", 'Bearer "{}"', "Bearer {}\n", "Bearer ."])
def test_authorization_of_a_wrong_bearer(connection, person, value):
    assert_failure(connection.call("VERIFY", authorization=value.replace("{}", person.access)), "token_invalid")


@pytest.mark.parametrize("value", [5, True, False, [], {}, ["x"]])
@pytest.mark.parametrize("member", ["token", "authorization", "audience"])
def test_another_type(connection, person, member, value):
    request = {"op": "VERIFY", "token": person.access}
    if member == "authorization":
        del request["token"]
    assert_failure(connection.ask({**request, member: value}), "invalid_field", field=member)


@pytest.mark.parametrize("value", [5, 0, "true", "", [], {}])
def test_optional_of_another_type(connection, person, value):
    assert_failure(verify(connection, person.access, optional=value), "invalid_field", field="optional")


# audience


def test_audience(connection):
    for aud in ("api", ["api"], ["x", "api"]):
        token = access(aud=aud)
        assert_failure(verify(connection, token), "token_invalid")
        assert_ok(verify(connection, token, audience="api"), "claims")
        assert_failure(verify(connection, token, audience="usher"), "token_invalid")


def test_any_audience_may_be_asked(connection, person):
    assert_ok(verify(connection, person.access, audience="usher"), "claims")
    for audience in ("nobody", "USHER", "usher ", "ushe", "é", "a\nb"):
        assert_failure(verify(connection, person.access, audience=audience), "token_invalid")
    for audience in ("nobody", "é", 'a"b\\c\n', "😀"):
        assert_ok(verify(connection, access(aud=audience), audience=audience), "claims")


# optional


def nothing(connection, reason, **members):
    reply = connection.call("VERIFY", optional=True, **members)
    assert_ok(reply, "claims", "reason")
    assert reply["claims"] is None and reply["reason"] == reason


def test_optional_with_a_good_token(connection, person):
    reply = assert_ok(verify(connection, person.access, optional=True), "claims")
    assert reply["claims"] == parts(person.access)[1]
    assert_ok(connection.call("VERIFY", authorization=f"Bearer {person.access}", optional=True), "claims")


def test_optional_with_a_failing_one(connection, person):
    nothing(connection, "token_required")
    nothing(connection, "token_required", token=None)
    nothing(connection, "token_required", authorization="Basic x")
    nothing(connection, "token_invalid", token="")
    nothing(connection, "token_invalid", token="x")
    nothing(connection, "token_invalid", authorization="Bearer")
    nothing(connection, "token_invalid", token=person.access, audience="api")
    nothing(connection, "token_expired", token=access(exp=NOW - 3600))
    nothing(connection, "token_not_active", token=access(nbf=NOW + 3600, exp=NOW + 7200))
    connection.call("REVOKE", token=person.access)
    nothing(connection, "token_revoked", token=person.access)


def test_optional_excuses_no_mistake_of_the_caller(connection, person):
    assert_failure(connection.call("VERIFY", optional=True, token=person.access, authorization="Bearer x"), "invalid_field")
    assert_failure(connection.call("VERIFY", optional=True, token=5), "invalid_field", field="token")
    assert_failure(connection.call("VERIFY", optional=True, token="x", audience=5), "invalid_field", field="audience")


def test_not_optional(connection):
    for optional in (False, None):
        assert_failure(connection.call("VERIFY", optional=optional), "token_required")
        assert_failure(connection.call("VERIFY", token="x", optional=optional), "token_invalid")


# Other algorithms


@pytest.mark.parametrize("alg", sorted(HASHES))
def test_algorithm_is_a_setting(make, alg):
    daemon = make({"token": {"algorithm": alg}}).start()
    with daemon.connect() as connection:
        person = Person(connection)
        assert parts(person.access)[0]["alg"] == alg
        head, body, signature = person.access.split(".")
        assert unb64(signature) == mac(f"{head}.{body}", JWT_SECRET, alg)
        assert_ok(verify(connection, person.access), "claims")
        for other in HASHES:
            reply = verify(connection, seal(header(alg=other), claims(), JWT_SECRET, other))
            if other == alg:
                assert_ok(reply, "claims")
            else:
                assert_failure(reply, "token_invalid")
        person.rotate(connection)
        assert_ok(verify(connection, person.access), "claims")


def test_the_signature_is_the_secrets(connection, person):
    head, body, signature = person.access.split(".")
    assert unb64(signature) == mac(f"{head}.{body}")


def test_sub_is_never_looked_up(connection):
    # A token needs no account here: whoever has the secret is trusted.
    assert_ok(verify(connection, access(sub=str(uuid.uuid4()))), "claims")
