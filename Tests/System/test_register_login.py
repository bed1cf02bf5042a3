"""REGISTER and LOGIN."""

import re
import time
import unicodedata

import pytest

from .connection import assert_failure, assert_ok
from .people import PAIR, Person, fresh_name, lasts_about, password_of, registration
from .tokens import parts

USER = {"id", "username", "email", "role", "permissions", "claims", "email_verified", "created_at", "last_login_at"}
UUID_V7 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


@pytest.fixture(scope="module")
def daemon(make_shared):
    return make_shared({"token": {"audiences": ["usher", "api", "mobile"]}}).start()


@pytest.fixture(scope="module")
def yescrypt(make_shared):
    return make_shared({"password": {"scheme": "yescrypt", "cost": 1}}).start()


def assert_pair(reply):
    assert_ok(reply, *PAIR)
    assert reply["token_type"] == "Bearer"
    assert reply["expires_in"] == 900 and type(reply["expires_in"]) is int
    assert lasts_about(reply, 604_800)
    assert set(reply["user"]) == USER
    assert reply["access_token"].count(".") == 2 and len(reply["access_token"]) <= 3_500
    return reply


# REGISTER


def test_register(connection):
    before = int(time.time())
    request = registration(username=fresh_name("Ada"), email=fresh_name("Ada") + "@Example.ORG")
    reply = assert_pair(connection.ask(request))
    after = int(time.time())
    user = reply["user"]
    assert UUID_V7.fullmatch(user["id"])
    assert user["username"] == request["username"] and user["email"] == request["email"]
    assert user["role"] == "user" and user["permissions"] == [] and user["claims"] == {}
    assert user["email_verified"] is False
    assert type(user["created_at"]) is int and before - 1 <= user["created_at"] <= after + 1
    assert user["last_login_at"] is None


def test_what_register_puts_into_the_access_token(connection):
    person = Person(connection)
    header, claims = parts(person.access)
    assert set(header) == {"alg", "kid", "typ"}
    assert header["alg"] == "HS256" and header["typ"] == "at+jwt" and isinstance(header["kid"], str) and header["kid"]
    assert set(claims) == {"iss", "aud", "sub", "iat", "nbf", "exp", "jti", "sid", "role", "permissions", "username", "email"}
    assert claims["iss"] == "usher" and claims["aud"] == "usher"
    assert claims["sub"] == person.user["id"]
    assert claims["role"] == "user" and claims["permissions"] == []
    assert claims["username"] == person.username and claims["email"] == person.email
    assert all(type(claims[name]) is int for name in ("iat", "nbf", "exp"))
    assert claims["exp"] - claims["iat"] == 900 and claims["nbf"] <= claims["iat"]
    assert claims["jti"] and claims["sid"] and claims["jti"] != claims["sid"]


def test_register_never_answers_with_a_password_or_a_hash(connection):
    request = registration(password="a very Recognisable one")
    connection.send(request)
    line = connection.read_line()
    assert b"Recognisable" not in line and b"$2b$" not in line and b"$y$" not in line


@pytest.mark.parametrize("member", ["username", "email", "password"])
def test_register_without(connection, member):
    assert_failure(connection.ask(registration(**{member: None})), "missing_field", field=member)


def test_register_with_nothing(connection):
    assert_failure(connection.call("REGISTER"), "missing_field")


@pytest.mark.parametrize("value", [5, True, [], {}, ["a"], 1.5])
@pytest.mark.parametrize("member", ["username", "email", "password"])
def test_register_with_another_type(connection, member, value):
    assert_failure(connection.ask(registration(**{member: value})), "invalid_field", field=member)


def test_nothing_that_an_app_sends_gives_more_than_it_should(connection):
    more = {"role": "admin", "permissions": ["user:*"], "email_verified": True, "claims": {"role": "admin"}, "id": 1, "created_at": 1, "last_login_at": 1,
            "user": {"role": "admin"}, "sub": "root", "scope": "admin", "disabled": False}
    person = Person(connection, **more)
    assert person.user["role"] == "user" and person.user["permissions"] == [] and person.user["claims"] == {}
    assert person.user["email_verified"] is False and person.user["last_login_at"] is None
    person.login(connection, role="admin", permissions=["user:*"], email_verified=True, claims={"role": "admin"})
    assert person.user["role"] == "user" and person.user["permissions"] == [] and person.user["email_verified"] is False
    claims = connection.call("VERIFY", token=person.access)["claims"]
    assert claims["role"] == "user" and claims["permissions"] == [] and claims["sub"] == person.user["id"]


GOOD_USERNAMES = ["a", "7", "Q", "a.b", "a_b", "a-b", "0-", "a.", "a_", "a..b", "a" * 64, "Z9.-_"]
BAD_USERNAMES = ["", "a" * 65, ".a", "_a", "-a", " a", "a ", "a b", "a@b", "é", "aé", "a\n", "\na", "a\0", "a/b", "a+b", "a\\b", "a'b", 'a"b', "a:b", "ａ", "a\u200b", "😀"]


@pytest.mark.parametrize("name", GOOD_USERNAMES)
def test_good_username(connection, name):
    reply = connection.ask(registration(username=name))
    assert_pair(reply)
    assert reply["user"]["username"] == name


@pytest.mark.parametrize("name", BAD_USERNAMES)
def test_bad_username(connection, name):
    assert_failure(connection.ask(registration(username=name)), "invalid_field", field="username")


GOOD_EMAILS = [
    "a@b", "a@b.c", "X@Y.Z", "a+b@c.d", "a.b..c@d.e", "!#$%&'*+/=?^_`{|}~@x.y", '"<>"@x.z', "a@1.2.3.4", "a@x--y.z", "a@" + "b" * 63 + ".c",
    "l" * 249 + "@b.c", "a@" + ".".join(["b" * 49] * 5) + ".c", "a\\b@c.d", "a@9",
]
BAD_EMAILS = [
    "", "a", "@", "a@", "@b", "a@b@c", "a@@b", "a b@c", " a@b", "a@b ", "a@b c", "a@.b", "a@b.", "a@b..c", "a@-b", "a@b-", "a@b-.c", "a@b.-c", "a@" + "b" * 64,
    "a@b_c", "a@b!c", "a@[127.0.0.1]", "é@b.c", "a@é.c", "a@b.c\n", "\ta@b.c", "a\0@b.c", "a\x7f@b.c", "l" * 250 + "@b.ccc", "l" * 251 + "@b.c", "a@b,c@d", "a@b/c",
]


@pytest.mark.parametrize("email", GOOD_EMAILS)
def test_good_email(connection, email):
    reply = connection.ask(registration(email=email))
    assert_pair(reply)
    assert reply["user"]["email"] == email


@pytest.mark.parametrize("email", BAD_EMAILS)
def test_bad_email(connection, email):
    assert_failure(connection.ask(registration(email=email)), "invalid_field", field="email")


def test_email_of_254_bytes(connection):
    email = "l" * 250 + "@b.c"
    assert len(email) == 254
    assert_pair(connection.ask(registration(email=email)))
    assert_failure(connection.ask(registration(email="l" + email)), "invalid_field", field="email")


@pytest.mark.parametrize("change", [str.lower, str.upper, str.title, str])
def test_a_name_is_taken_whatever_its_case(connection, change):
    person = Person(connection, username=fresh_name("MiXed"), email=fresh_name("MiXed") + "@Example.org")
    assert_failure(connection.ask(registration(username=change(person.username))), "account_exists", field="username")
    assert_failure(connection.ask(registration(email=change(person.email))), "account_exists", field="email")
    reply = connection.ask(registration(username=person.username, email=person.email))
    assert_failure(reply, "account_exists")
    assert reply["field"] in ("username", "email")


def test_a_refused_register_leaves_nothing_behind(connection):
    person = Person(connection)
    request = registration(email=person.email)
    assert_failure(connection.ask(request), "account_exists", field="email")
    assert_failure(connection.call("LOGIN", username=request["username"], password=request["password"]), "invalid_credentials")
    assert_pair(connection.ask({**request, "email": fresh_name() + "@b.c"}))


def test_one_of_many_at_once_gets_the_name(daemon):
    requests = [registration(username="RaceD" if n % 2 else "raceD", id=n) for n in range(20)]
    with daemon.connect() as connection:
        replies = connection.pipeline(requests)
    won = [reply for reply in replies if reply["ok"]]
    assert len(won) == 1
    for reply in replies:
        if not reply["ok"]:
            assert_failure(reply, "account_exists", field="username")


def test_every_user_has_an_id_of_their_own(connection):
    people = [Person(connection) for _ in range(20)]
    assert len({person.user["id"] for person in people}) == 20
    assert len({parts(person.access)[1]["jti"] for person in people}) == 20
    assert len({parts(person.access)[1]["sid"] for person in people}) == 20


# Passwords


@pytest.mark.parametrize(
    "password, reason",
    [
        ("", "too_short"), ("a", "too_short"), ("a" * 7, "too_short"), ("é" * 3 + "a", "too_short"), ("😀", "too_short"), ("a" * 513, "too_long"),
        ("é" * 257, "too_long"), ("a" * 5_000, "too_long"), ("abcdefgh\0", "nul"), ("\0abcdefgh", "nul"), ("abcd\0efgh", "nul"), ("\0" * 8, "nul"),
    ],
)
def test_weak_password(yescrypt, password, reason):
    with yescrypt.connect() as connection:
        assert_failure(connection.ask(registration(password=password)), "weak_password", reason=reason)


@pytest.mark.parametrize("password", ["9zq.Kw7x", "é1ü2ß", "😀1🔑2", password_of(512), "äöü7" * 73 + "x", "\n\t\r\x01\x7f\u2028 \"\\", "$2b$04$x", "correct horse", "93057164"])
def test_good_password(yescrypt, password):
    with yescrypt.connect() as connection:
        person = Person(connection, password=password)
        assert_pair(person.login(connection))
        for other in (password[:-1], password + "a", password.swapcase() + "x", " " + password):
            assert_failure(connection.call("LOGIN", username=person.username, password=other), "invalid_credentials")


def test_a_password_is_its_bytes(connection):
    composed = unicodedata.normalize("NFC", "Pässwörter")
    decomposed = unicodedata.normalize("NFD", composed)
    person = Person(connection, password=composed)
    assert_failure(connection.call("LOGIN", username=person.username, password=decomposed), "invalid_credentials")
    escaped = "".join(rf"\u{ord(letter):04x}" for letter in composed)
    assert_pair(connection.ask('{"op":"LOGIN","username":"%s","password":"%s"}' % (person.username, escaped)))


@pytest.mark.parametrize("password", ["a" * 73, "é" * 37, "a" * 512])
def test_bcrypt_takes_no_more_than_72_bytes(connection, password):
    assert_failure(connection.ask(registration(password=password)), "weak_password", reason="too_long")


def test_bcrypt_never_cuts(connection):
    person = Person(connection, password=password_of(72))
    assert_pair(person.login(connection))
    for other in (password_of(73), password_of(71), password_of(72) + "x" * 400, password_of(71) + "~"):
        assert_failure(connection.call("LOGIN", username=person.username, password=other), "invalid_credentials")


def test_least_length_is_a_setting(make):
    for least in (6, 12):
        daemon = make({"password": {"min_length": least}}).start()
        with daemon.connect() as connection:
            assert_failure(connection.ask(registration(password="9zq.Kw7x!rL0"[: least - 1])), "weak_password", reason="too_short")
            assert_pair(connection.ask(registration(password="9zq.Kw7x!rL0"[:least])))


def test_a_hash_of_another_scheme_verifies_and_is_replaced(make):
    daemon = make({"password": {"scheme": "bcrypt", "cost": 4}}).start()
    with daemon.connect() as connection:
        person = Person(connection)
        # What SQLite writes again under the other scheme is this one's alone.
    daemon.stop()
    assert b"$2b$04$" in b"".join(file.read_bytes() for file in daemon.state.iterdir())
    daemon.config = {"password": {"scheme": "yescrypt", "cost": 1}}
    daemon.start()
    with daemon.connect() as connection:
        assert_failure(connection.call("LOGIN", username=person.username, password="not the password"), "invalid_credentials")
        assert_pair(person.login(connection))
        assert_pair(person.login(connection))
    daemon.stop()
    assert b"$y$" in b"".join(file.read_bytes() for file in daemon.state.iterdir())
    daemon.config = {"password": {"scheme": "bcrypt", "cost": 5}}
    daemon.start()
    with daemon.connect() as connection:
        assert_pair(person.login(connection))
        assert_pair(person.login(connection))


def test_a_password_too_long_for_the_new_scheme_still_logs_in(make):
    daemon = make({"password": {"scheme": "yescrypt", "cost": 1}}, cheap=False).start()
    with daemon.connect() as connection:
        person = Person(connection, password=password_of(200))
    daemon.stop()
    daemon.config = {"password": {"scheme": "bcrypt", "cost": 4}}
    daemon.start()
    with daemon.connect() as connection:
        for _ in range(2):
            assert_pair(person.login(connection))
        assert_failure(connection.call("LOGIN", username=person.username, password=password_of(199)), "invalid_credentials")


# LOGIN


def test_login(connection):
    person = Person(connection, username=fresh_name("Grace"), email=fresh_name("Grace") + "@Navy.mil")
    before = int(time.time())
    reply = assert_pair(connection.call("LOGIN", username=person.username, password=person.password))
    user = reply["user"]
    assert type(user["last_login_at"]) is int and before - 1 <= user["last_login_at"] <= time.time() + 1
    assert {**user, "last_login_at": None} == person.user
    claims, first = parts(reply["access_token"])[1], parts(person.access)[1]
    assert claims["sub"] == first["sub"] and claims["sid"] != first["sid"] and claims["jti"] != first["jti"]
    for token in (person.access, reply["access_token"]):
        assert_ok(connection.call("VERIFY", token=token), "claims")


@pytest.mark.parametrize("change", [str, str.lower, str.upper])
def test_login_by_any_name_in_any_case(connection, change):
    person = Person(connection, username=fresh_name("MiXed"), email=fresh_name("MiXed") + "@Example.org")
    for name in ({"username": person.username}, {"email": person.email}, {"login": person.username}, {"login": person.email}):
        name = {member: change(value) for member, value in name.items()}
        reply = assert_pair(connection.call("LOGIN", password=person.password, **name))
        assert reply["user"]["id"] == person.user["id"]
        assert reply["user"]["username"] == person.username and reply["user"]["email"] == person.email


def test_login_does_not_mix_up_names(connection):
    person = Person(connection)
    for name in ({"username": person.email}, {"email": person.username}):
        assert_failure(connection.call("LOGIN", password=person.password, **name), "invalid_credentials")


def test_login_without_a_name(connection):
    assert_failure(connection.call("LOGIN", password="whatever it is"), "missing_field", field="login")
    assert_failure(connection.call("LOGIN", password="whatever it is", login=None, email=None), "missing_field", field="login")


def test_login_without_a_password(connection, person):
    assert_failure(connection.call("LOGIN", username=person.username), "missing_field", field="password")


@pytest.mark.parametrize("names", [("email", "username"), ("email", "login"), ("username", "login"), ("email", "username", "login")])
def test_login_with_several_names(connection, person, names):
    given = {"email": person.email, "username": person.username, "login": person.username}
    reply = connection.call("LOGIN", password=person.password, **{name: given[name] for name in names})
    assert_failure(reply, "invalid_field")
    assert reply["field"] in given


@pytest.mark.parametrize("value", [5, True, [], {}])
@pytest.mark.parametrize("member", ["username", "email", "login", "password"])
def test_login_with_another_type(connection, member, value):
    request = {"op": "LOGIN", "username": "ada", "password": "whatever it is"}
    if member != "password":
        del request["username"]
    assert_failure(connection.ask({**request, member: value}), "invalid_field", field=member)


def test_whatever_is_wrong_the_reply_is_the_same(connection, person):
    def line(**members):
        connection.send({"op": "LOGIN", **members})
        # How often a name was tried is not the same.
        return re.sub(rb'"(limit|remaining|reset)":\d+', b"", connection.read_line())

    wrong = line(username=person.username, password="not the password")
    assert b'"invalid_credentials"' in wrong
    for member in ("username", "email", "login"):
        for name in [fresh_name(), fresh_name() + "@example.org", *BAD_USERNAMES, *BAD_EMAILS]:
            if name != person.username:
                assert line(**{member: name}, password=person.password) == wrong, (member, name)
    for password in ("", "a", "a" * 7, "a" * 73, "a" * 513, "a" * 60_000, person.password + "\0", "\0", person.password + " ", person.password.upper()):
        assert line(username=person.username, password=password) == wrong, password
        assert line(username=fresh_name(), password=password) == wrong, password


def test_a_failed_login_changes_nothing(connection, person):
    assert_failure(connection.call("LOGIN", username=person.username, password="not the password"), "invalid_credentials")
    reply = connection.call("REFRESH", refresh_token=person.refresh)
    assert reply["user"]["last_login_at"] is None
    assert_pair(person.login(connection))


def test_a_full_queue_looks_like_no_wrong_password(make):
    daemon = make({"password": {"cost": 11, "workers": 1, "queue": 2}}).start()
    with daemon.connect() as connection, daemon.connect() as other:
        person = Person(connection)
        login = {"op": "LOGIN", "username": person.username, "password": person.password}
        connection.send(*[{**login, "id": n} for n in range(20)])
        assert_ok(other.call("VERIFY", token=person.access), "claims")
        replies = connection.read_replies(20)
        assert {reply["id"] for reply in replies} == set(range(20))
        busy = [reply for reply in replies if not reply["ok"]]
        assert busy and len(busy) < 20
        for reply in busy:
            assert_failure(reply, "busy")
            assert reply["retry_after_ms"] > 0
        assert_pair(person.login(connection))


# audience


def test_the_first_audience_is_the_default(connection, person):
    assert parts(person.access)[1]["aud"] == "usher"


@pytest.mark.parametrize("audience", ["usher", "api", "mobile"])
def test_a_configured_audience(connection, audience):
    person = Person(connection, audience=audience)
    assert parts(person.access)[1]["aud"] == audience
    assert_pair(person.login(connection, audience=audience))
    assert parts(person.access)[1]["aud"] == audience
    person.rotate(connection)
    assert parts(person.access)[1]["aud"] == audience
    assert_ok(connection.call("VERIFY", token=person.access, audience=audience), "claims")


@pytest.mark.parametrize("audience", ["other", "", "API", "usher ", "usher,api", 5, ["usher"], {}, True])
def test_no_other_audience(connection, person, audience):
    assert_failure(connection.ask(registration(audience=audience)), "invalid_field", field="audience")
    reply = connection.call("LOGIN", username=person.username, password=person.password, audience=audience)
    assert_failure(reply, "invalid_field", field="audience")


# client


@pytest.mark.parametrize(
    "client",
    [
        {}, {"ip": "192.0.2.1"}, {"ip": "2001:db8::1"}, {"ip": "::ffff:192.0.2.1"}, {"ip": "::"}, {"user_agent": "Mozilla/5.0 (é)"}, {"user_agent": ""},
        {"ip": "192.0.2.1", "user_agent": "x" * 5_000}, {"ip": None, "user_agent": None}, {"ip": "192.0.2.1", "colour": "blue"}, {"user_agent": "a\nb\0c"},
        {"user_agent": "é" * 200}, None,
    ],
)
def test_client(connection, client):
    request = registration()
    request["client"] = client
    assert_pair(connection.ask(request))
    login = {"op": "LOGIN", "username": request["username"], "password": request["password"], "client": client}
    assert_pair(connection.ask(login))


@pytest.mark.parametrize(
    "client",
    [
        "192.0.2.1", 5, True, [], ["192.0.2.1"], {"ip": ""}, {"ip": "192.0.2"}, {"ip": "192.0.2.256"}, {"ip": "192.0.2.1 "}, {"ip": "192.0.2.1:80"},
        {"ip": "192.0.2.1/24"}, {"ip": "localhost"}, {"ip": "[::1]"}, {"ip": ":::"}, {"ip": "2001:db8::g"}, {"ip": "fe80::1%eth0"}, {"ip": "1"}, {"ip": 5},
        {"ip": ["192.0.2.1"]}, {"ip": {}}, {"ip": True}, {"ip": "192.0.2.1\0"}, {"ip": "192.0.2.1\0x"}, {"user_agent": 5}, {"user_agent": []}, {"user_agent": {}},
        {"user_agent": False},
    ],
)
def test_bad_client(connection, person, client):
    for request in (registration(), {"op": "LOGIN", "username": person.username, "password": person.password}):
        reply = connection.ask({**request, "client": client})
        assert_failure(reply, "invalid_field")
        assert reply["field"].startswith("client")
