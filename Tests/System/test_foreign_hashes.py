"""
Hashes that other frameworks have made, each by that very framework or its library, now: a user who has one logs in with the password that
they have, and has one of the daemon's own from then on.
"""

import os
import shutil
import subprocess

import pytest

from .connection import assert_failure, assert_ok
from .people import PAIR, Person
from .test_accounts import stored, stored_hash

PASSWORDS = ["password123", "pässwörd 🔑 of old"]


def needs(program):
    if not shutil.which(program):
        pytest.skip(f"there is no {program} here")


def printed(*command, password):
    """What a program prints that finds the password in its environment."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "PASSWORD": password})
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def php(algorithm, options=""):
    def make(password):
        needs("php")
        if printed("php", "-r", f"echo defined('{algorithm}') ? 'yes' : 'no';", password="") == "no":
            pytest.skip(f"this PHP has no {algorithm}")
        return printed("php", "-r", f"echo password_hash(getenv('PASSWORD'), {algorithm}, [{options}]);", password=password)

    return make


def devise(password):
    """Devise hashes with bcrypt-ruby, at a cost of 12."""
    needs("ruby")
    if subprocess.run(["ruby", "-rbcrypt", "-e", ""], capture_output=True).returncode != 0:
        pytest.skip("there is no ruby-bcrypt here")
    return printed("ruby", "-rbcrypt", "-e", "print BCrypt::Password.create(ENV.fetch('PASSWORD'), cost: 12)", password=password)


def django(name):
    def make(password):
        pytest.importorskip("django", reason="there is no python3-django here")
        from django.conf import settings
        from django.contrib.auth import hashers

        if not settings.configured:
            settings.configure()
        return getattr(hashers, name)().encode(password, hashers.get_random_string(22))

    return make


def argon2_cffi(type_, **options):
    def make(password):
        argon2 = pytest.importorskip("argon2", reason="there is no python3-argon2 here")
        return argon2.PasswordHasher(type=argon2.Type[type_], **options).hash(password)

    return make


def passlib(name, **options):
    def make(password):
        hash_ = pytest.importorskip("passlib.hash", reason="there is no python3-passlib here")
        return getattr(hash_, name).using(**options).hash(password)

    return make


def openssl(password):
    needs("openssl")
    done = subprocess.run(["openssl", "passwd", "-6", "-stdin"], input=password, capture_output=True, text=True, check=True)
    return done.stdout.strip()


MAKERS = {
    "PHP bcrypt": (php("PASSWORD_BCRYPT"), "$2y$10$"),
    "PHP Argon2id": (php("PASSWORD_ARGON2ID"), "$argon2id$v=19$m=65536,t=4,p=1$"),
    "PHP Argon2id, two lanes": (php("PASSWORD_ARGON2ID", "'memory_cost' => 1024, 'time_cost' => 3, 'threads' => 2"), "$argon2id$v=19$m=1024,t=3,p=2$"),
    "PHP Argon2i": (php("PASSWORD_ARGON2I"), "$argon2i$v=19$"),
    "Devise": (devise, "$2a$12$"),
    "Django": (django("PBKDF2PasswordHasher"), "pbkdf2_sha256$"),
    "argon2-cffi": (argon2_cffi("ID"), "$argon2id$v=19$"),
    "argon2-cffi, as RFC 9106 has it": (argon2_cffi("ID", time_cost=3, memory_cost=65_536, parallelism=4, hash_len=32), "$argon2id$v=19$m=65536,t=3,p=4$"),
    "argon2-cffi, Argon2i": (argon2_cffi("I"), "$argon2i$v=19$"),
    "passlib sha512crypt": (passlib("sha512_crypt"), "$6$rounds="),
    "passlib sha256crypt": (passlib("sha256_crypt", rounds=5_000), "$5$"),
    "openssl passwd -6": (openssl, "$6$"),
}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of Django and passlib
@pytest.mark.parametrize("password", PASSWORDS)
@pytest.mark.parametrize("maker", MAKERS)
def test_a_password_hashed_elsewhere(make, maker, password):
    hashed, prefix = MAKERS[maker]
    hash_ = hashed(password)
    assert hash_.startswith(prefix)
    daemon = make().start()
    with daemon.connect() as connection:
        person = Person(connection)
    stored(daemon, person, password_hash=hash_)
    person.password = password
    with daemon.connect() as connection:
        for wrong in (password + "4", password[:-1], password.upper(), "", hash_):
            assert_failure(connection.call("LOGIN", username=person.username, password=wrong), "invalid_credentials")
        assert_ok(person.login(connection), *PAIR)
    assert stored_hash(daemon, person).startswith("$2b$04$")
    with daemon.connect() as connection:
        assert_ok(person.login(connection), *PAIR)


@pytest.mark.parametrize(
    "hash_",
    [
        "$argon2id$v=19$m=4194304,t=1,p=1$c2FsdHNhbHQ$aHZew+VX2gTmmBAinzTufZn13I+YFGNC3dELEtV1ZZo", "$argon2id$v=19$m=65536,t=4294967295,p=1$c2FsdHNhbHQ$aHZew+VX2gTmmBAinzTufZn13I+YFGNC3dELEtV1ZZo",
        "$argon2d$v=19$m=64,t=1,p=1$c2FsdHNhbHQ$aHZew+VX2gTmmBAinzTufZn13I+YFGNC3dELEtV1ZZo", "pbkdf2_sha256$4000000000$salt$ncusFC+dDHwSnvnyxsQRcL8u5+QWxSjFPKeTrG25PP0=", "pbkdf2_sha256$1000$salt$",
    ],
    ids=["4 GiB", "passes", "Argon2d", "iterations", "no hash"],
)
def test_an_absurd_hash_costs_nothing(make, hash_):
    """It is told in the journal, without the hash, and neither the daemon nor another account is harmed."""
    daemon = make().start()
    with daemon.connect() as connection:
        person, other = Person(connection), Person(connection)
    stored(daemon, person, password_hash=hash_)
    before = daemon.cpu_seconds()
    with daemon.connect() as connection:
        reply = assert_failure(connection.call("LOGIN", username=person.username, password="password123"), "internal")
        line, _ = daemon.stderr.wait_for(lambda line: reply["reference"] in line)
        assert "password hash cannot be used" in line and "c2FsdHNhbHQ" not in line and "ncus" not in line
        # Nor is a name that nobody has, which gets the work of one of these hashes or the other.
        for n in range(20):
            assert_failure(connection.call("LOGIN", username=f"nobody-{n}", password="password123"), "invalid_credentials")
        assert_ok(other.login(connection), *PAIR)
    assert daemon.cpu_seconds() - before < 20


@pytest.mark.parametrize("maker", ["PHP Argon2id, two lanes", "Django", "argon2-cffi"])
def test_names_that_nobody_has_get_its_work(make, maker):
    """They are told what a wrong password is told; that they cost the same work is for the units' tests."""
    daemon = make().start()
    with daemon.connect() as connection:
        person = Person(connection)
    stored(daemon, person, password_hash=MAKERS[maker][0]("password123"))
    with daemon.connect() as connection:
        wrong = connection.call("LOGIN", username=person.username, password="password124")
        for n in range(5):
            assert connection.call("LOGIN", username=f"nobody-{n}", password="password124") == wrong
