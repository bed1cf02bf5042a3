"""Starting, and refusing to: settings, secrets, the state folder, the socket."""

import contextlib
import os
import re
import shutil
import socket
import sqlite3
import stat
import subprocess
from pathlib import Path

import pytest

from .connection import assert_failure, assert_ok
from .daemon import JWT_SECRET, REFRESH_SECRET, USHERD, is_listening
from .people import PAIR, Person, lasts_about
from .tokens import access, claims, header, parts, seal
from .usherctl import USHERCTL


def answers(daemon):
    with daemon.connect() as connection:
        return connection.ask("PING")["ok"]


def does(said):
    """What the daemon says that one should run."""
    (command,) = re.findall("`(.*)`", said)
    subprocess.run(["sh", "-c", command], check=True)


@pytest.fixture
def as_root():
    if os.geteuid() != 0:
        pytest.skip("needs root, to give files away")


def refuses(daemon, *words):
    """That it does not start, and that all the words are in what it says."""
    status, said = daemon.refused()
    for word in words:
        assert str(word) in said, said
    for secret in (JWT_SECRET, REFRESH_SECRET):
        assert secret not in said and secret[:8] not in said
    return status, said


# The command line


@pytest.mark.parametrize("args", [["--nonsense"], ["--verbose"], ["-x"], ["extra"], ["--listen"], ["--config"], ["--state"], ["--listne", "x"], ["--jwt-secret", "x"]])
def test_a_wrong_command_line(args):
    done = subprocess.run([str(USHERD), *args], capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
    assert done.returncode in (2, 64)
    assert "usage" in (done.stdout + done.stderr).lower()


def test_no_settings_at_all(make):
    daemon = make().start()
    daemon.stop()
    daemon.config = None
    daemon.start()
    assert answers(daemon)


def test_a_settings_file_that_is_not_there(make, folder):
    refuses(make(args=["--config", str(folder / "nowhere.toml")]), folder / "nowhere.toml")


def test_an_empty_settings_file(make):
    daemon = make("").start()
    assert answers(daemon)


# Settings


@pytest.mark.parametrize(
    "text, line",
    [
        ("[token]\naccess_expiry = \n", 2), ("[token\n", 1), ("# fine\n\n[token]\nissuer = 'open\n", 4), ("x = = 1\n", 1), ("[token]\nissuer = \"a\"\nissuer = \"b\"\n", 3),
        ("[socket]\nmax_line = 1 2\n", 2), ("\n\n\n}\n", 4),
    ],
)
def test_a_syntax_error_is_told_with_its_place(make, text, line):
    _, said = refuses(make(text), "usher.toml")
    assert re.search(rf"line\s+{line}\b.*column\s+\d+|:{line}:\d+", said), said


@pytest.mark.parametrize(
    "config, path",
    [
        ({"token": {"acces_expiry": "15m"}}, "token.acces_expiry"), ({"tokens": {"access_expiry": "15m"}}, "tokens"), ({"access_expiry": "15m"}, "access_expiry"),
        ('"token.issuer" = "x"\n', '"token.issuer"'), ({"password": {"Cost": 4}}, "password.Cost"), ({"socket": {"max_lines": 4096}}, "socket.max_lines"), ({"log": {"level": "info", "colour": True}}, "log.colour"),
    ],
)
def test_an_unknown_key_is_told_by_its_path(make, config, path):
    refuses(make(config), path)


@pytest.mark.parametrize(
    "config, path",
    [
        ({"password": {"cost": "4"}}, "password.cost"), ({"password": {"scheme": 5}}, "password.scheme"), ({"password": {"scheme": "md5"}}, "password.scheme"),
        ({"token": {"issuer": 5}}, "token.issuer"), ({"token": {"audiences": "usher"}}, "token.audiences"), ({"token": {"audiences": [5]}}, "token.audiences"),
        ({"token": {"algorithm": "RS256"}}, "token.algorithm"), ({"token": {"algorithm": "none"}}, "token.algorithm"), ({"token": {"access_expiry": 900}}, "token.access_expiry"),
        ({"token": {"personal_claims": ["password"]}}, "token.personal_claims"), ({"token": {"max_sessions": "3"}}, "token.max_sessions"),
        ({"token": {"max_sessions": 0}}, "token.max_sessions"), ({"socket": {"max_line": True}}, "socket.max_line"), ({"socket": {"max_line": 0}}, "socket.max_line"),
        ({"socket": {"max_in_flight": -1}}, "socket.max_in_flight"), ({"socket": {"max_in_flight": 0}}, "socket.max_in_flight"),
        ({"socket": {"max_connections": 0}}, "socket.max_connections"), ({"socket": {"max_connections_per_uid": 1.5}}, "socket.max_connections_per_uid"),
        ({"server": {"drain_timeout": 10}}, "server.drain_timeout"), ({"password": {"min_length": 5}}, "password.min_length"), ({"password": {"dictionary": ""}}, "password.dictionary"), ({"password": {"breached_list": 1}}, "password.breached_list"), ({"password": {"queue": 0}}, "password.queue"),
        ({"password": {"workers": "two"}}, "password.workers"), ({"log": {"level": "loud"}}, "log.level"), ({"log": {"level": 7}}, "log.level"),
        ({"token": "15m"}, "token"), ({"password": {"scheme": "bcrypt", "cost": 3}}, "password.cost"), ({"password": {"scheme": "bcrypt", "cost": 32}}, "password.cost"),
        ({"password": {"scheme": "yescrypt", "cost": 12}}, "password.cost"), ({"password": {"scheme": "yescrypt", "cost": 0}}, "password.cost"),
        ({"token": {"audiences": []}}, "token.audiences"), ({"token": {"audiences": ["a", ""]}}, "token.audiences"), ({"token": {"issuer": ""}}, "token.issuer"),
        ({"password": {"min_length": 73, "scheme": "bcrypt", "cost": 4}}, "password.min_length"),
    ],
)
def test_a_wrong_value_is_told_by_its_path(make, config, path):
    refuses(make(config, cheap=False), path)


@pytest.mark.parametrize("setting", ["access_expiry", "refresh_expiry", "session_max_age", "clock_tolerance", "refresh_grace"])
@pytest.mark.parametrize("text", ["", "15", "15x", "m", "-15m", "1.5h", "15 m", " 15m", "15m ", "15M", "99999999999999999999d", "9223372036854775807d", "１５m", "15m\0", "0x5m", "+5m", "1e3s"])
def test_a_bad_duration(make, setting, text):
    refuses(make({"token": {setting: text}}), f"token.{setting}")


@pytest.mark.parametrize("variable", ["JWT_ACCESS_EXPIRY", "JWT_REFRESH_EXPIRY"])
@pytest.mark.parametrize("text", ["15", "soon", "-1m", "0s", "99999999999999999999d"])
def test_a_bad_duration_in_the_environment(make, variable, text):
    refuses(make(env={variable: text}), variable)


@pytest.mark.parametrize("text, seconds", [("90s", 90), ("15m", 900), ("2h", 7_200), ("1d", 86_400)])
def test_a_duration(make, text, seconds):
    daemon = make({"token": {"access_expiry": text}}).start()
    with daemon.connect() as connection:
        assert Person(connection).reply["expires_in"] == seconds


@pytest.mark.parametrize("variable, setting", [("JWT_ISSUER", "token.issuer"), ("JWT_AUDIENCE", "token.audiences")])
def test_control_characters_in_names(make, variable, setting):
    _, said = refuses(make(env={variable: "one\x1b[31mtwo"}), variable, setting, "control characters")
    assert "\x1b" not in said


def test_access_expiry_under_twice_the_grace(make):
    refuses(make({"token": {"access_expiry": "59s", "refresh_grace": "30s"}}), "access_expiry", "refresh_grace")
    refuses(make({"token": {"access_expiry": "59s"}}), "access_expiry")
    refuses(make(env={"JWT_ACCESS_EXPIRY": "59s"}), "access_expiry")
    refuses(make({"token": {"refresh_grace": "8m"}}), "refresh_grace")
    assert answers(make({"token": {"access_expiry": "60s", "refresh_grace": "30s"}}).start())


def test_defaults(make):
    daemon = make().start()
    with daemon.connect() as connection:
        person = Person(connection)
        assert parts(person.access)[1]["iss"] == parts(person.access)[1]["aud"] == "usher"
        assert parts(person.access)[0]["alg"] == "HS256"
        assert person.reply["expires_in"] == 900 and lasts_about(person.reply, 604_800)


def test_issuer_and_audiences_are_settings(make):
    daemon = make({"token": {"issuer": "https://auth.example", "audiences": ["shop", "api"]}}).start()
    with daemon.connect() as connection:
        person = Person(connection)
        body = parts(person.access)[1]
        assert body["iss"] == "https://auth.example" and body["aud"] == "shop"
        assert_ok(connection.call("VERIFY", token=person.access), "claims")
        assert_failure(connection.call("VERIFY", token=access()), "token_invalid")
        assert_ok(connection.call("VERIFY", token=access(iss="https://auth.example", aud="shop")), "claims")


def test_the_environment_wins_over_the_file(make):
    daemon = make(
        {"token": {"issuer": "file", "audiences": ["file"], "access_expiry": "10m", "refresh_expiry": "1d"}},
        env={"JWT_ISSUER": "environment", "JWT_AUDIENCE": "one,two", "JWT_ACCESS_EXPIRY": "20m", "JWT_REFRESH_EXPIRY": "2d"}).start()
    with daemon.connect() as connection:
        person = Person(connection)
        body = parts(person.access)[1]
        assert body["iss"] == "environment" and body["aud"] == "one"
        assert person.reply["expires_in"] == 1_200 and lasts_about(person.reply, 172_800)
        assert parts(Person(connection, audience="two").access)[1]["aud"] == "two"
        assert_failure(connection.call("LOGIN", username=person.username, password=person.password, audience="file"), "invalid_field", field="audience")


# --check-config


SETTINGS = ["access_expiry", "refresh_expiry", "session_max_age", "clock_tolerance", "refresh_grace", "issuer", "audiences", "algorithm", "max_sessions", "max_revocations", "personal_claims",
            "scheme", "cost", "min_length", "dictionary", "workers", "queue", "max_line", "max_in_flight", "max_connections", "max_connections_per_uid", "drain_timeout", "level"]


def check_config(folder, text="", env=()):
    file = folder / "usher.toml"
    file.write_text(text)
    environment = {"PATH": os.environ["PATH"], "JWT_SECRET": JWT_SECRET, "REFRESH_TOKEN_SECRET": REFRESH_SECRET, **dict(env)}
    return subprocess.run([str(USHERD), "--config", str(file), "--check-config"], capture_output=True, text=True, timeout=60, env=environment, cwd=folder)


def test_check_config_prints_what_would_be_in_force(folder):
    done = check_config(folder, '[token]\naccess_expiry = "17m"\nissuer = "the file"\n', {"JWT_AUDIENCE": "shop,api"})
    assert done.returncode == 0, done.stderr
    for setting in SETTINGS:
        assert re.search(rf"\b{setting}\b", done.stdout), setting
    for word in ("17m", "the file", "shop", "api", "yescrypt", "HS256"):
        assert word in done.stdout
    assert not is_listening(folder / "s")


def test_check_config_prints_no_secret(folder):
    done = check_config(folder)
    for secret in (JWT_SECRET, REFRESH_SECRET):
        for start in range(len(secret) - 8):
            assert secret[start : start + 8] not in done.stdout + done.stderr


def test_what_check_config_prints_is_a_settings_file(folder, make):
    done = check_config(folder, '[token]\naccess_expiry = "17m"\nissuer = "a\\"b\\\\c"\n')
    again = check_config(folder, done.stdout)
    assert again.returncode == 0, again.stderr
    assert again.stdout == done.stdout


def test_check_config_refuses_what_is_wrong(folder):
    for text, word in (('[token]\nacces_expiry = "1m"\n', "token.acces_expiry"), ("[token", "usher.toml"), ('[token]\naccess_expiry = "1s"\n', "access_expiry")):
        done = check_config(folder, text)
        assert done.returncode > 0 and word in done.stderr


# Secrets


def credentials(folder, **files):
    directory = folder / "credentials"
    directory.mkdir(mode=0o500)
    for name, content in files.items():
        file = directory / name.replace("_", "-")
        file.write_bytes(content)
        file.chmod(0o400)
    return {"CREDENTIALS_DIRECTORY": str(directory)}


def verifies(daemon, secret, algorithm="HS256"):
    with daemon.connect() as connection:
        return connection.call("VERIFY", token=seal(header(alg=algorithm), claims(), secret, algorithm))["ok"]


@pytest.mark.parametrize("algorithm, least", [("HS256", 32), ("HS384", 48), ("HS512", 64)])
@pytest.mark.parametrize("variable, name", [("JWT_SECRET", "jwt-secret"), ("REFRESH_TOKEN_SECRET", "refresh-secret")])
def test_too_short_a_secret(make, folder, variable, name, algorithm, least):
    config = {"token": {"algorithm": algorithm}}
    refuses(make(config, env={variable: "x" * (least - 1)}), variable)
    (make(config, env={variable: "x" * least}).start()).stop()
    refuses(make(config, env=credentials(folder, **{name: b"y" * (least - 1) + b"\n"})), name)


def test_both_secrets_the_same(make, folder):
    _, said = refuses(make(env={"REFRESH_TOKEN_SECRET": JWT_SECRET}))
    assert "same" in said or "differ" in said
    refuses(make(secrets=False, env=credentials(folder, jwt_secret=b"z" * 64, refresh_secret=b"z" * 64 + b"\n")))


@pytest.mark.parametrize("name", ["jwt-secret", "refresh-secret"])
@pytest.mark.parametrize("content", [b"\0" + b"x" * 64, b"x" * 64 + b"\0", b"x" * 32 + b"\0" + b"x" * 32, b"x" * 64 + b"\0\n"])
def test_a_nul_in_a_secret(make, folder, name, content):
    refuses(make(env=credentials(folder, **{name: content})), name)


@pytest.mark.parametrize("name", ["jwt-secret", "refresh-secret"])
def test_an_empty_credential(make, folder, name):
    refuses(make(env=credentials(folder, **{name: b""})), name)


def test_credentials_win_over_the_environment(make, folder):
    secret = "from the credentials directory, long enough for HS512, 0123456789 0123456789"
    daemon = make(env=credentials(folder, jwt_secret=secret.encode(), refresh_secret=secret[::-1].encode())).start()
    assert verifies(daemon, secret)
    assert not verifies(daemon, JWT_SECRET)
    with daemon.connect() as connection:
        person = Person(connection)
        assert_failure(connection.call("REFRESH", refresh_token=seal(*parts(person.refresh), REFRESH_SECRET)), "token_invalid")
        assert_ok(connection.call("REFRESH", refresh_token=seal(*parts(person.refresh), secret[::-1])), *PAIR)


def test_secrets_beside_credentials_are_ignored_and_forgotten(make, folder):
    daemon = make(env=credentials(folder, jwt_secret=b"one secret that is a credential, 0123456789")).start()
    said, _ = daemon.stderr.wait_for(lambda line: "JWT_SECRET is ignored" in line)
    assert JWT_SECRET not in said and "REFRESH_TOKEN_SECRET is ignored" not in daemon.stderr.text()
    assert not verifies(daemon, JWT_SECRET)
    with daemon.connect() as connection:
        person = Person(connection)
        assert_ok(connection.call("REFRESH", refresh_token=seal(*parts(person.refresh), REFRESH_SECRET)), *PAIR)
    environment = Path(f"/proc/{daemon.pid}/environ").read_bytes()
    assert b"LANG=C.UTF-8" in environment
    assert JWT_SECRET.encode() not in environment and REFRESH_SECRET.encode() not in environment


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o622])
@pytest.mark.parametrize("name", ["jwt-secret", "refresh-secret"])
def test_a_secret_that_others_may_read(make, name, mode):
    daemon = make(secrets=False).start()
    daemon.stop()
    file = daemon.state / name
    before = file.read_bytes()
    file.chmod(mode)
    _, said = refuses(daemon, f"`chmod 0600 {file}`")
    assert before.decode() not in said and file.read_bytes() == before
    does(said)
    assert answers(daemon.start())


def test_a_credential_that_others_may_read(make, folder):
    daemon = make(env=credentials(folder, jwt_secret=b"x" * 64))
    file = folder / "credentials" / "jwt-secret"
    file.chmod(0o444)
    # Nobody else comes as far.
    daemon.start()
    daemon.stop()
    file.parent.chmod(0o755)
    _, said = refuses(daemon, f"`chmod o= {file}`")
    does(said)
    assert answers(daemon.start())


def test_a_secret_of_somebody_else(make, as_root):
    daemon = make(secrets=False).start()
    daemon.stop()
    file = daemon.state / "jwt-secret"
    os.chown(file, 65534, 65534)
    _, said = refuses(daemon, f"{file} belongs to uid 65534", f"`chown 0 {file}`")
    does(said)
    assert answers(daemon.start())


@pytest.mark.parametrize("name", ["jwt-secret", "refresh-secret"])
def test_a_secret_that_is_a_link_to_nothing(make, folder, name):
    daemon = make(secrets=False)
    link = daemon.state / name
    link.symlink_to(folder / "not mounted yet")
    refuses(daemon, f"{link} is a symbolic link to nothing")
    assert link.is_symlink() and not (folder / "not mounted yet").exists()
    (folder / "not mounted yet").write_bytes(b"now it is, and long enough for HS256 and more")
    (folder / "not mounted yet").chmod(0o600)
    assert answers(daemon.start())
    assert link.is_symlink()


@pytest.mark.parametrize(
    "content, secret",
    [
        (b"s" * 64 + b"\n", b"s" * 64), (b"s" * 64 + b"\n\n", b"s" * 64 + b"\n"), (b"s" * 64 + b"\r\n", b"s" * 64 + b"\r"), (b" " + b"s" * 64 + b" ", b" " + b"s" * 64 + b" "),
        (bytes(range(1, 256)), bytes(range(1, 256))), (b"\n" + b"s" * 64, b"\n" + b"s" * 64), (b"\xff" * 32, b"\xff" * 32), (b"s" * 5_000 + b"\n", b"s" * 5_000),
    ],
)
def test_secrets_are_taken_verbatim(make, folder, content, secret):
    daemon = make(env=credentials(folder, jwt_secret=content)).start()
    assert verifies(daemon, secret)


def test_a_secret_of_the_environment_keeps_its_line_feed(make):
    secret = "with a line feed behind, long enough for all the algorithms there are\n"
    daemon = make(env={"JWT_SECRET": secret}).start()
    assert verifies(daemon, secret) and not verifies(daemon, secret[:-1])


def test_generated_secrets(make):
    daemon = make(secrets=False).start()
    with daemon.connect() as connection:
        person = Person(connection)
        old = person.access
    files = {name: daemon.state / name for name in ("jwt-secret", "refresh-secret")}
    contents = {name: file.read_bytes() for name, file in files.items()}
    for file in files.values():
        status = file.stat()
        assert stat.S_IMODE(status.st_mode) == 0o600 and status.st_uid == os.geteuid()
    assert contents["jwt-secret"] != contents["refresh-secret"]
    assert all(len(content) >= 64 for content in contents.values())
    assert verifies(daemon, contents["jwt-secret"].removesuffix(b"\n"))
    daemon.restart()
    assert contents == {name: file.read_bytes() for name, file in files.items()}
    with daemon.connect() as connection:
        assert_ok(connection.call("VERIFY", token=old), "claims")
        person.rotate(connection)
    daemon.crash_and_restart()
    assert contents == {name: file.read_bytes() for name, file in files.items()}
    other = make(secrets=False).start()
    assert (other.state / "jwt-secret").read_bytes() != contents["jwt-secret"]
    with other.connect() as connection:
        assert_failure(connection.call("VERIFY", token=old), "token_invalid")


def test_generated_secrets_hold_for_every_algorithm(make):
    daemon = make(secrets=False).start()
    secret = (daemon.state / "jwt-secret").read_bytes().removesuffix(b"\n")
    daemon.stop()
    daemon.config = {"token": {"algorithm": "HS512"}}
    daemon.start()
    assert verifies(daemon, secret, "HS512")


def test_given_secrets_are_not_kept(make):
    daemon = make().start()
    with daemon.connect() as connection:
        Person(connection)
    daemon.stop()
    for file in daemon.state.rglob("*"):
        if file.is_file():
            content = file.read_bytes()
            assert JWT_SECRET.encode() not in content and REFRESH_SECRET.encode() not in content


def test_a_generated_secret_that_was_damaged(make):
    daemon = make(secrets=False).start()
    daemon.stop()
    (daemon.state / "jwt-secret").write_bytes(b"short")
    refuses(daemon, daemon.state / "jwt-secret")


# The state folder


def test_a_second_daemon_on_the_same_state(make):
    first = make().start()
    second = make(state=first.state)
    status, said = refuses(second, first.pid, first.state)
    assert status == 1
    assert not second.socket.exists()
    assert answers(first)
    first.kill9()
    assert answers(second.start())


def test_what_is_in_the_state_folder_is_for_nobody_else(make):
    daemon = make(secrets=False).start()
    with daemon.connect() as connection:
        Person(connection)
    for file in daemon.state.rglob("*"):
        assert stat.S_IMODE(file.stat().st_mode) & 0o077 == 0, file


def test_state_that_is_no_folder(make, folder):
    file = folder / "state-file"
    file.write_text("x")
    refuses(make(state=file), file)


def test_state_under_what_there_is_not(make, folder):
    refuses(make(state=folder / "nowhere" / "state"), folder / "nowhere" / "state")


def test_a_database_of_a_newer_schema(make):
    daemon = make().start()
    with daemon.connect() as connection:
        person = Person(connection)
    daemon.stop()
    file = daemon.database()
    with contextlib.closing(sqlite3.connect(file)) as database:
        (version,) = database.execute("PRAGMA user_version").fetchone()
        assert version > 0, "a schema has a version"
        database.execute("PRAGMA user_version = 1000000")
    before = file.read_bytes()
    refuses(daemon, file)
    assert file.read_bytes() == before
    with contextlib.closing(sqlite3.connect(file)) as database:
        database.execute(f"PRAGMA user_version = {version}")
    daemon.start()
    with daemon.connect() as connection:
        person.login(connection)


def test_a_database_of_the_first_schema_is_migrated(make):
    daemon = make().start()
    with daemon.connect() as connection:
        person, revoked = Person(connection), Person(connection)
        assert_ok(connection.call("REVOKE", token=revoked.access), "revoked")
    daemon.stop()
    with contextlib.closing(sqlite3.connect(daemon.database())) as database:
        database.executescript(
            "DROP TABLE throttles; DROP TABLE known_addresses; ALTER TABLE users DROP COLUMN version; ALTER TABLE users DROP COLUMN confirmed_before;"
            "ALTER TABLE revocations DROP COLUMN version;"
            "DROP TABLE second_factors; DROP TABLE data_key; DROP TABLE one_time_tokens; DROP TABLE stage; DROP TABLE roles; DROP TABLE audit; DELETE FROM meta WHERE name = 'roles_version'; DROP INDEX users_role; DROP INDEX users_disabled; "
            "DROP TABLE hash_settings; DROP INDEX revocations_session; ALTER TABLE revocations DROP COLUMN session; PRAGMA user_version = 1")
    for _ in range(2):
        daemon.start()
        with daemon.connect() as connection:
            person.rotate(connection)
            person.login(connection)
            assert_failure(connection.call("VERIFY", token=revoked.access), "token_revoked")
            Person(connection)
        daemon.stop()
    with contextlib.closing(sqlite3.connect(daemon.database())) as database:
        assert database.execute("PRAGMA user_version").fetchone() == (3,)
        assert database.execute("SELECT * FROM hash_settings").fetchall() == [("$2b$04$", 4)]


@pytest.mark.parametrize("damage", ["whole", "header", "text", "schema"])
def test_a_corrupt_database(make, damage):
    daemon = make().start()
    with daemon.connect() as connection:
        Person(connection)
    daemon.stop()
    file = daemon.database()
    content = bytearray(file.read_bytes())
    match damage:
        case "whole":
            content[:] = os.urandom(len(content))
        case "header":
            content[:100] = b"\xff" * 100
        case "text":
            content[:] = b"This is no database.\n" * 500
        case "schema":
            content[100:2_000] = b"\xff" * 1_900
    file.write_bytes(content)
    refuses(daemon, file)
    assert file.read_bytes() == bytes(content)


def test_a_database_of_somebody_else(make):
    daemon = make().start()
    daemon.stop()
    file = daemon.database()
    for other in daemon.state.glob(file.name + "*"):
        other.unlink()
    with contextlib.closing(sqlite3.connect(file)) as database, database:
        database.execute("CREATE TABLE recipes (name TEXT)")
    before = file.read_bytes()
    refuses(daemon, file)
    assert file.read_bytes() == before


def test_a_state_folder_without_permission(make, as_nobody):
    daemon = make(**as_nobody)
    os.chown(daemon.folder, 65534, 65534)
    daemon.state.chmod(0o700)
    refuses(daemon, daemon.state)
    os.chown(daemon.state, 65534, 65534)
    daemon.start()
    daemon.stop()
    daemon.state.chmod(0o500)
    os.chown(daemon.state, 0, 0)
    daemon.state.chmod(0o755)
    for file in daemon.state.iterdir():
        os.chown(file, 0, 0)
    refuses(daemon, daemon.state)


@pytest.mark.parametrize("mode", [0o777, 0o1777, 0o770, 0o722])
def test_a_state_folder_that_others_may_write(make, mode):
    daemon = make()
    daemon.state.chmod(mode)
    _, said = refuses(daemon, f"`chmod 0700 {daemon.state}`")
    assert not any(daemon.state.iterdir()) and not daemon.socket.exists()
    does(said)
    assert answers(daemon.start())


def test_a_state_folder_of_somebody_else(make, folder, as_root):
    daemon = make(state=folder / "it's the state")
    daemon.state.mkdir(mode=0o700)
    os.chown(daemon.state, 65534, 65534)
    _, said = refuses(daemon, f"{daemon.state} belongs to uid 65534")
    assert not any(daemon.state.iterdir())
    does(said)
    assert answers(daemon.start())


def test_a_state_folder_behind_a_link(make, folder):
    daemon = make(state=folder / "link")
    (folder / "behind").mkdir(mode=0o700)
    daemon.state.symlink_to("behind")
    assert answers(daemon.start())


def test_a_state_folder_that_is_none(make, folder):
    (folder / "file").write_text("precious")
    refuses(make(state=folder / "file"), folder / "file")
    (folder / "link").symlink_to("nowhere")
    refuses(make(state=folder / "link"), folder / "link")


def test_a_state_folder_on_a_read_only_disk(make, small_disk):
    daemon = make(state=small_disk / "state")
    daemon.state.mkdir(mode=0o700)
    daemon.start()
    with daemon.connect() as connection:
        person = Person(connection)
    daemon.stop()
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    refuses(daemon, daemon.state)
    subprocess.run(["mount", "-o", "remount,rw", str(small_disk)], check=True)
    daemon.start()
    with daemon.connect() as connection:
        person.login(connection)


# The socket


def test_the_socket_of_a_dead_daemon_is_replaced(make):
    daemon = make().start()
    daemon.kill9()
    assert daemon.socket.exists() and not is_listening(daemon.socket)
    assert answers(daemon.start())


def test_a_stale_socket_of_another_program_is_replaced(make):
    daemon = make()
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(daemon.socket))
    assert answers(daemon.start())


def test_the_socket_of_a_living_daemon_is_not(make):
    first = make().start()
    second = make()
    second.socket = first.socket
    status, _ = refuses(second, first.socket)
    assert status == 1
    assert answers(first)


def test_what_is_no_socket_is_not_replaced(make):
    daemon = make()
    daemon.socket.write_text("precious")
    refuses(daemon, daemon.socket)
    assert daemon.socket.read_text() == "precious"
    daemon.socket.unlink()
    daemon.socket.mkdir()
    refuses(daemon, daemon.socket)


def test_a_link_in_the_place_of_the_socket_is_not_replaced(make, folder):
    other = make().start()
    daemon = make()
    for target in (folder / "nothing", other.socket):
        daemon.socket.unlink(missing_ok=True)
        daemon.socket.symlink_to(target)
        _, said = refuses(daemon, f"`rm {daemon.socket}`")
        assert daemon.socket.is_symlink()
    does(said)
    assert answers(daemon.start()) and answers(other)


@pytest.mark.parametrize("is_living", [True, False])
def test_a_socket_of_somebody_else_is_not_replaced(make, as_root, is_living):
    daemon = make()
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(daemon.socket))
        os.chown(daemon.socket, 65534, 65534)
        if is_living:
            other.listen()
        _, said = refuses(daemon, f"{daemon.socket} belongs to uid 65534", f"`rm {daemon.socket}`")
        assert daemon.socket.exists()
    does(said)
    assert answers(daemon.start())


def test_a_socket_that_cannot_be_made(make, folder):
    daemon = make()
    daemon.socket = folder / "nowhere" / "s"
    refuses(daemon, daemon.socket)


def test_too_long_a_socket_path(make, folder):
    daemon = make(listen=False, args=["--listen", str(folder / ("s" * 120))])
    refuses(daemon)


def test_a_failed_start_leaves_the_state_as_it_was(make):
    daemon = make().start()
    with daemon.connect() as connection:
        person = Person(connection)
    daemon.stop()
    daemon.env["JWT_SECRET"] = "short"
    refuses(daemon)
    del daemon.env["JWT_SECRET"]
    daemon.start()
    with daemon.connect() as connection:
        assert_ok(connection.call("VERIFY", token=person.access), "claims")
        person.login(connection)


@pytest.mark.parametrize("program", [USHERD, USHERCTL], ids=["usherd", "usherctl"])
def test_the_binary_needs_no_library_of_swift(program):
    done = subprocess.run(["ldd", str(program)], capture_output=True, text=True, check=True)
    assert "swift" not in done.stdout.lower() and "foundation" not in done.stdout.lower()


def test_the_daemon_has_no_foundation_in_it():
    """It would double its memory."""
    for name in (b"FoundationEssentials", b"ArgumentParser"):
        assert name in USHERCTL.read_bytes() and name not in USHERD.read_bytes()


def test_copies_of_a_state_folder_are_apart(make):
    one = make().start()
    with one.connect() as connection:
        person = Person(connection)
    one.stop()
    other = make()
    shutil.rmtree(other.state)
    shutil.copytree(one.state, other.state)
    assert answers(one.start()) and answers(other.start())
    for daemon in (one, other):
        with daemon.connect() as connection:
            assert_ok(connection.call("LOGIN", username=person.username, password=person.password), *PAIR)


# A database that somebody has edited


ABSURD = [-(2**63), -1, 2**53 + 1, 2**63 - 1]


@contextlib.contextmanager
def edited(daemon):
    """The database of a daemon that was stopped."""
    with contextlib.closing(sqlite3.connect(daemon.state / "usher.db")) as database:
        yield database
        database.commit()


@pytest.mark.parametrize("number", ABSURD)
@pytest.mark.parametrize("table, column", [("meta", "value"), ("revocations", "until")])
def test_numbers_that_the_start_cannot_believe(make, number, table, column):
    daemon = make().start()
    with daemon.connect() as connection:
        assert_ok(connection.call("REVOKE", token=Person(connection).access), "revoked")
    daemon.stop()
    with edited(daemon) as database:
        assert database.execute(f"UPDATE {table} SET {column} = ?", (number,)).rowcount > 0
    refuses(daemon, f"{column} is {number}")
    assert not is_listening(daemon.socket)


@pytest.mark.parametrize("number", ABSURD)
def test_numbers_that_are_met_later(make, number):
    daemon = make().start()
    with daemon.connect() as connection:
        ada, bob = Person(connection), Person(connection)
    daemon.stop()
    with edited(daemon) as database:
        for column in ("expires_at", "ends_at", "rotated_service", "generation"):
            database.execute(f"UPDATE sessions SET {column} = ?", (number,))
        database.execute("UPDATE users SET created_at = ? WHERE username = ?", (number, ada.username))
    daemon.start()
    with daemon.connect() as connection:
        assert_failure(connection.call("LOGIN", username=ada.username, password=ada.password), "internal")
        assert_failure(connection.call("LOGIN", username=ada.username, password="not it at all"), "internal")
        assert_failure(connection.call("REFRESH", refresh_token=bob.refresh), "internal")
        assert_failure(connection.call("REVOKE", token=bob.refresh), "internal")
        assert_ok(connection.call("VERIFY", token=bob.access), "claims")
        assert_ok(connection.call("LOGIN", username=bob.username, password=bob.password), "user", "access_token", "refresh_token", "token_type", "expires_in", "refresh_expires_in")
    daemon.stop()
    assert f"created_at is {number}, not from 0 to 2^53" in daemon.stderr.text()


# The end of the last run

SUDDEN = "came to a sudden end"


def test_a_run_tells_of_one_that_was_killed(make):
    daemon = make().start()
    assert SUDDEN not in daemon.stderr.text()
    pid = daemon.pid
    daemon.crash_and_restart()
    assert f"warning: the last run (process {pid}) {SUDDEN}" in daemon.stderr.text()
    daemon.restart()
    assert SUDDEN not in daemon.stderr.text()


def test_one_that_could_not_start_came_to_no_sudden_end(make):
    daemon = make().start()
    daemon.stop()
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(daemon.socket))
    listener.listen()
    daemon.refused()
    (daemon.state / "jwt-secret").write_text("short")
    daemon.secrets = False
    daemon.refused()
    listener.close()
    daemon.secrets = True
    daemon.start()
    assert SUDDEN not in daemon.stderr.text()


def test_who_is_denied_a_state_that_is_in_use_ends_nothing(make):
    daemon = make().start()
    other = make(state=daemon.state)
    refuses(other, f"Process {daemon.pid} uses")
    daemon.restart()
    assert SUDDEN not in daemon.stderr.text()
