"""What a new password must be, and what the daemon needs to judge one."""

import hashlib
import os
import shutil
from pathlib import Path

import pytest

from .connection import assert_failure, assert_ok
from .people import PAIR, Person, fresh_name, password_of, registration

DICTIONARY = Path("/var/cache/cracklib/cracklib_dict")


@pytest.mark.parametrize(
    "password, reason",
    [
        ("password", "dictionary"), ("Passw0rd", "dictionary"), ("password123", "dictionary"), ("drowssap", "dictionary"), ("qwertyuiop", "dictionary"), ("12345678", "too_simple"),
        ("abcdefgh", "too_simple"), ("aaaaaaaa", "too_simple"), ("        ", "too_simple"), ("abababababab", "too_simple"), ("zq7.Kw!!wK.7qz", "too_simple"),
    ],
)
def test_what_is_refused(connection, password, reason):
    assert_failure(connection.ask(registration(password=password)), "weak_password", reason=reason)


@pytest.mark.parametrize("password", ["my Lovelace 1815", "xx.ADA.LOVELACE.xx", "ecalevol 1815 zq", "the COUNTESS of 7", "babbage-club 77", "my example 7 lamp"])
def test_names_are_refused(connection, password):
    request = registration(username="Ada.Lovelace", email="countess@babbage-club.example.org", password=password)
    assert_failure(connection.ask(request), "weak_password", reason="contains_name")


@pytest.mark.parametrize("password", ["correct horse", "onlyletterswithnosense", "93057164", "LKQWZRTP", "the organ of ada"])
def test_there_are_no_rules_of_composition(connection, password):
    name = fresh_name("ada")
    assert_ok(connection.ask(registration(username=name, email=f"{name}@abc.org", password=password)), *PAIR)


def test_what_is_told_first(connection, person):
    """A name that is taken comes before a password that is weak, and what is wrong with its length before both."""
    assert_failure(connection.ask(registration(username=person.username, password="password123")), "account_exists", field="username")
    assert_failure(connection.ask(registration(username=person.username, password="short")), "weak_password", reason="too_short")


def test_a_login_is_not_judged(make):
    """Who has an old password that would be refused today still gets in."""
    daemon = make({"password": {"dictionary": "none"}}).start()
    with daemon.connect() as connection:
        person = Person(connection, password="password123")
        assert_failure(connection.ask(registration(password="aaaaaaaa")), "weak_password", reason="too_simple")
    daemon.config = {}
    daemon.restart()
    with daemon.connect() as connection:
        assert_ok(person.login(connection), *PAIR)
        assert_failure(connection.ask(registration(password="password123")), "weak_password", reason="dictionary")


# The dictionary


def dictionary(folder, **changes):
    for end in ("pwd", "pwi", "hwm"):
        content = changes.get(end, DICTIONARY.with_suffix(f".{end}").read_bytes())
        if content is not None:
            (folder / f"words.{end}").write_bytes(content)
    return str(folder / "words")


@pytest.mark.parametrize("changes", [{"pwd": None}, {"pwi": None}, {"pwd": b""}, {"pwi": b""}, {"pwi": b"x" * 5_000}], ids=["no words", "no index", "empty", "empty index", "garbage"])
def test_a_dictionary_that_cannot_be_used_keeps_it_from_starting(make, folder, changes):
    path = dictionary(folder, **changes)
    status, said = make({"password": {"dictionary": path}}).refused()
    assert status == 1
    last = said.strip().splitlines()[-1]
    assert path in last and "cracklib" in last and "dictionary" in last


def test_a_pipe_is_not_waited_for(make, folder):
    os.mkfifo(folder / "pipe.pwd")
    for setting, path in {"dictionary": folder / "pipe", "breached_list": folder / "pipe.pwd"}.items():
        status, said = make({"password": {setting: str(path)}}).refused()
        assert status == 1 and f"{folder}/pipe.pwd: no regular file" in said


def test_a_dictionary_that_is_not_there(make):
    status, said = make({"password": {"dictionary": "/no/such/words"}}).refused()
    assert status == 1
    said = said.splitlines()[-1]
    for word in ("/no/such/words.pwd", "No such file or directory", "cracklib-runtime", "password.dictionary", "none"):
        assert word in said


def test_a_dictionary_that_may_not_be_read(make, as_nobody, folder):
    path = dictionary(folder)
    os.chmod(f"{path}.pwd", 0o600)
    daemon = make({"password": {"dictionary": path}}, **as_nobody)
    for owned in (daemon.folder, daemon.state):
        os.chown(owned, 65534, 65534)
    status, said = daemon.refused()
    assert status == 1 and f"{path}.pwd: Permission denied" in said


def test_another_dictionary(make, folder):
    if not shutil.which("create-cracklib-dict"):
        pytest.skip("there is no create-cracklib-dict here")
    (folder / "list").write_text("florbwangle\n" + "".join(f"zzyx{n}q\n" for n in range(100)))
    os.spawnlp(os.P_WAIT, "create-cracklib-dict", "create-cracklib-dict", "-o", str(folder / "mine"), str(folder / "list"))
    daemon = make({"password": {"dictionary": str(folder / "mine")}}).start()
    with daemon.connect() as connection:
        assert_failure(connection.ask(registration(password="Florbwangle1")), "weak_password", reason="dictionary")
        assert_ok(connection.ask(registration(password="basketball")), *PAIR)


def test_a_dictionary_that_goes_away_lets_no_password_pass(make, folder):
    path = dictionary(folder)
    daemon = make({"password": {"dictionary": path}}).start()
    with daemon.connect() as connection:
        person = Person(connection)
        os.rename(f"{path}.pwi", f"{path}.gone")
        reply = connection.ask(registration())
        assert_failure(reply, "internal")
        line, _ = daemon.stderr.wait_for(lambda line: reply["reference"] in line)
        assert f"dictionary of passwords {path}" in line
        assert_ok(person.login(connection), *PAIR)
        os.rename(f"{path}.gone", f"{path}.pwi")
        assert_ok(connection.ask(registration()), *PAIR)


def test_under_a_uid_that_is_in_no_password_database(make, as_nobody):
    """Where cracklib itself would refuse every password."""
    uid = 54_321
    daemon = make(wrapper=["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups"], binary=as_nobody["binary"])
    for owned in (daemon.folder, daemon.state):
        os.chown(owned, uid, uid)
    daemon.start()
    with daemon.connect() as connection:
        assert_ok(connection.ask(registration()), *PAIR)


# Breached passwords

BREACHED = ["Summer2024!", "Tr0ub4dor&3", "pässwörter!", password_of(72)]


def sha1(password):
    return hashlib.sha1(password.encode()).hexdigest()


@pytest.mark.parametrize(
    "line",
    [str, lambda p: p + "\r", sha1, lambda p: f"{sha1(p).upper()}:{len(p)}\r", lambda p: sha1(p)[:16], lambda p: sha1(p)[:10] + ":1"],
    ids=["passwords", "passwords and CR", "SHA-1", "SHA-1 and counts", "16 digits", "10 digits and counts"],
)
def test_breached_passwords(make, folder, line):
    file = folder / "breached"
    file.write_text("\n".join(line(password) for password in BREACHED) + "\n")
    daemon = make({"password": {"breached_list": str(file)}}).start()
    with daemon.connect() as connection:
        for password in BREACHED:
            assert_failure(connection.ask(registration(password=password)), "weak_password", reason="breached")
            assert_ok(connection.ask(registration(password=password + "!" if len(password) < 72 else password_of(71))), *PAIR)
        assert_failure(connection.ask(registration(password="password123")), "weak_password", reason="dictionary")
    assert f"{len(BREACHED)} breached passwords are refused" in daemon.stderr.text()


@pytest.mark.parametrize(
    "text, told",
    [
        ("", "there are no passwords"), (f"{sha1('a')}\n{sha1('b')}\n{sha1('c')[:39]}\n", ":3: not 40 hexadecimal digits"),
        (f"{sha1('a')[:12]}:1\nhunter2\n", ":2: not 12 hexadecimal digits"), ("hunter2\n" + "x" * 513, ":2: longer than 512 bytes"),
    ],
)
def test_a_bad_list_is_told_with_its_line(make, folder, text, told):
    file = folder / "breached"
    file.write_text(text)
    status, said = make({"password": {"breached_list": str(file)}}).refused()
    assert status == 1 and f"{file}{told if told.startswith(':') else ': ' + told}" in said


def test_a_list_that_is_not_there(make):
    status, said = make({"password": {"breached_list": "/no/such/list"}}).refused()
    assert status == 1 and "/no/such/list: No such file or directory" in said
