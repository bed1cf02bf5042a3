"""SIGHUP: settings and secrets anew, while connections stay open."""

import contextlib
import os
import signal
import sqlite3
import subprocess
import threading

import pytest

from .connection import assert_failure, assert_ok
from .daemon import CHEAP, USHERD, eventually, merged, toml
from .frozen import freeze
from .people import PAIR, Person
from .tokens import parts

DONE = "settings were read anew"
FAILED = "the settings before stay in force"


def write(daemon, config):
    """The settings, as an editor saves them."""
    new = daemon.folder / "usher.toml.new"
    new.write_text(config if isinstance(config, str) else toml(merged(CHEAP, config)))
    new.rename(daemon.folder / "usher.toml")


def hup(daemon):
    daemon.process.send_signal(signal.SIGHUP)


def reload(daemon, config=None):
    """Has it read these settings; what it says of it."""
    if config is not None:
        write(daemon, config)
    seen = len(daemon.stderr)
    hup(daemon)
    return daemon.stderr.wait_for(lambda line: DONE in line or FAILED in line, start=seen)[0]


def test_new_settings_are_in_force_on_an_open_connection(make):
    daemon = make().start()
    with daemon.connect() as connection:
        person = Person(connection)
        said = reload(
            daemon,
            {
                "token": {"access_expiry": "5m", "audiences": ["usher", "shop"], "personal_claims": []},
                "password": {"min_length": 20},
                "socket": {"max_line": 2048},
            },
        )
        assert "token.access_expiry, token.audiences, token.personal_claims, password.min_length, socket.max_line" in said
        # What was issued before is good as long as it was said to be.
        assert_ok(connection.call("VERIFY", token=person.access), "claims")
        reply = person.login(connection, audience="shop")
        assert reply["expires_in"] == 300 and parts(person.access)[1]["aud"] == "shop" and "username" not in parts(person.access)[1]
        assert_failure(connection.call("REGISTER", username="short", email="short@x", password="nineteen bytes long"), "weak_password", reason="too_short")
        assert_failure(connection.call("PING", padding="x" * 2048), "line_too_long")
        # And back.
        assert "changed: token.access_expiry" in reload(daemon, {})
        assert_ok(connection.call("PING", padding="x" * 2048), "server", "version", "protocol")
        assert person.rotate(connection)["expires_in"] == 900


def test_another_issuer(make):
    daemon = make().start()
    with daemon.connect() as connection:
        person = Person(connection)
        reload(daemon, {"token": {"issuer": "another"}})
        assert_failure(connection.call("VERIFY", token=person.access), "token_invalid")
        person.rotate(connection)
        assert connection.call("VERIFY", token=person.access)["claims"]["iss"] == "another"


def test_new_passwords_are_hashed_as_the_settings_say_now(make):
    daemon = make().start()
    with daemon.connect() as connection:
        person = Person(connection)
        reload(daemon, {"password": {"cost": 5}})
        person.login(connection)
    daemon.stop()
    with contextlib.closing(sqlite3.connect(daemon.database())) as database:
        users = dict(database.execute("SELECT setting, users FROM hash_settings"))
    assert users == {"$2b$04$": 0, "$2b$05$": 1}


def test_connections_are_counted_by_the_settings_of_now(make):
    daemon = make().start()
    with daemon.connect() as first, daemon.connect() as second:
        assert_ok(first.ask("PING"))
        assert_ok(second.ask("PING"))
        reload(daemon, {"socket": {"max_connections": 1}})
        with daemon.connect() as third:
            assert_failure(third.read_reply(), "busy")
        # Who was there stays.
        assert_ok(first.ask("PING"))
        assert_ok(second.ask("PING"))
        reload(daemon, {})
        with daemon.connect() as third:
            assert_ok(third.ask("PING"))


def test_who_waited_for_a_lower_number_in_flight_goes_on(make):
    daemon = make({"socket": {"max_in_flight": 1}}).start()
    with daemon.connect() as connection:
        person = Person(connection)
        login = {"op": "LOGIN", "username": person.username, "password": person.password}
        connection.send(*[{**login, "id": number} for number in range(30)])
        reload(daemon, {"socket": {"max_in_flight": 128}})
        replies = connection.read_replies(30)
        assert sorted(reply["id"] for reply in replies) == list(range(30)) and all(reply["ok"] for reply in replies)


def test_the_log_is_as_detailed_as_the_settings_say_now(make):
    daemon = make().start()
    with daemon.connect() as connection:
        person = Person(connection)
        reload(daemon, {"log": {"level": "debug"}})
        connection.call("VERIFY", token=person.access)
        daemon.stderr.wait_for(lambda line: "VERIFY granted" in line)


def test_a_store_timeout_of_now(make):
    daemon = make().start()
    with daemon.connect() as connection:
        person = Person(connection)
        with freeze(daemon.pid, "usher-store", at_sync=True) as disk:
            connection.send({"op": "REFRESH", "refresh_token": person.refresh})
            assert disk.reached.wait(60)
            # It holds for what is under way, too.
            write(daemon, {"store": {"timeout": "1s"}})
            hup(daemon)
            assert_failure(connection.read_reply(), "store_unavailable")
        daemon.stderr.wait_for(lambda line: "has not answered for 1 s" in line)


@pytest.mark.parametrize(
    "config, words",
    [
        ("[token]\naccess_expiry = \n", ["usher.toml:2:"]),
        ('[token]\nissuer = "other"\naccess_expiry = "59s"\n', ["token.access_expiry (59s) must be at least twice"]),
        ('[token]\nissuer = "other"\n[password]\ncosts = 4\n', ["usher.toml:4:", "there is no setting password.costs"]),
        ('[token]\nissuer = "other"\nalgorithm = "HS512"\n', ["The environment's JWT_SECRET has 40 bytes; HS512 needs at least 64"]),
    ],
)
def test_a_file_that_is_no_good_changes_nothing(make, config, words):
    daemon = make(env={"JWT_SECRET": "x" * 40}).start()
    with daemon.connect() as connection:
        person = Person(connection)
        said = reload(daemon, config)
        assert FAILED in said and all(word in said for word in words), said
        assert_ok(connection.call("VERIFY", token=person.access), "claims")
        assert parts(person.login(connection)["access_token"])[1]["iss"] == "usher"
        assert "none has changed" in reload(daemon, {})


def test_a_file_that_is_gone(make):
    daemon = make().start()
    (daemon.folder / "usher.toml").unlink()
    assert FAILED in reload(daemon)
    assert DONE in reload(daemon, {})


def test_what_needs_a_restart_is_named_until_it_is_taken_back(make):
    daemon = make().start()
    changes = {"password": {"workers": 3}, "server": {"state": "/elsewhere"}, "socket": {"listen": "/elsewhere"}, "token": {"issuer": "other"}}
    # Those that the command line gives are not the file's to change.
    assert "changed: token.issuer; restart to change: password.workers;" in reload(daemon, changes)
    assert "none has changed; restart to change: password.workers;" in reload(daemon)
    assert "restart to change" not in reload(daemon, {})


class TestSecrets:
    @pytest.fixture
    def daemon(self, make):
        return make(secrets=False).start()

    def replace(self, daemon, name, secret):
        file = daemon.state / name
        file.write_text(secret)

    def test_a_new_access_secret(self, daemon):
        with daemon.connect() as connection:
            person = Person(connection)
            self.replace(daemon, "jwt-secret", "another access secret, long enough for HS256\n")
            said = reload(daemon)
            assert "changed: jwt-secret" in said and "another access secret" not in daemon.stderr.text()
            assert_failure(connection.call("VERIFY", token=person.access), "token_invalid")
            person.rotate(connection)
            assert_ok(connection.call("VERIFY", token=person.access), "claims")
            daemon.crash_and_restart()
        with daemon.connect() as connection:
            assert_ok(connection.call("VERIFY", token=person.access), "claims")

    def test_a_new_refresh_secret(self, daemon):
        with daemon.connect() as connection:
            person = Person(connection)
            self.replace(daemon, "refresh-secret", "another refresh secret, long enough for HS256\n")
            reload(daemon)
            assert_ok(connection.call("VERIFY", token=person.access), "claims")
            assert_failure(connection.call("REFRESH", refresh_token=person.refresh), "token_invalid")
            person.login(connection)
            person.rotate(connection)

    @pytest.mark.parametrize("secret", ["short", "", "x" * 31])
    def test_one_that_is_too_short(self, daemon, secret):
        with daemon.connect() as connection:
            person = Person(connection)
            self.replace(daemon, "jwt-secret", secret)
            said = reload(daemon, {"token": {"issuer": "other"}})
            assert f"jwt-secret has {len(secret)} bytes; HS256 needs at least 32" in said
            assert_ok(connection.call("VERIFY", token=person.access), "claims")

    def test_both_the_same(self, daemon):
        self.replace(daemon, "jwt-secret", (daemon.state / "refresh-secret").read_text())
        assert "are the same" in reload(daemon)

    @pytest.mark.parametrize("name", ["jwt-secret", "refresh-secret", "data-key"])
    def test_one_that_is_gone_or_that_others_may_read(self, daemon, name):
        file, away = daemon.state / name, daemon.folder / "away"
        with daemon.connect() as connection:
            person = Person(connection)
            file.rename(away)
            said = reload(daemon, {"token": {"issuer": "other"}})
            assert FAILED in said and f"{file} is gone: put it back" in said and not file.exists()
            away.chmod(0o644)
            away.rename(file)
            said = reload(daemon)
            assert FAILED in said and f"others may read {file}" in said
            file.chmod(0o600)
            assert_ok(connection.call("VERIFY", token=person.access), "claims")
            assert "changed: token.issuer" in reload(daemon)

    def test_another_data_key_is_for_the_next_start(self, daemon):
        before = (daemon.state / "data-key").read_text()
        self.replace(daemon, "data-key", "another data key, long enough for AES-256")
        said = reload(daemon, {"token": {"issuer": "other"}})
        assert "changed: token.issuer; restart to change: data-key" in said and "another data key" not in said
        # It may be neither of the two.
        for data_key in ((daemon.state / "data-key").read_text(), before):
            self.replace(daemon, "jwt-secret", data_key)
            assert "is the same as the access or the refresh secret" in reload(daemon)
        self.replace(daemon, "data-key", before)
        self.replace(daemon, "jwt-secret", "an access secret, long enough for HS256")
        assert "restart to change" not in reload(daemon)

    def test_another_algorithm(self, daemon):
        with daemon.connect() as connection:
            person = Person(connection)
            reload(daemon, {"token": {"algorithm": "HS512"}})
            assert_failure(connection.call("VERIFY", token=person.access), "token_invalid")
            person.login(connection)
            assert_ok(connection.call("VERIFY", token=person.access), "claims")

    def test_those_that_were_handed_over_stay(self, make):
        daemon = make().start()
        with daemon.connect() as connection:
            person = Person(connection)
            assert "read at start only: the environment's JWT_SECRET, the environment's REFRESH_TOKEN_SECRET" in reload(daemon)
            self.replace(daemon, "jwt-secret", "a secret that nobody asked for, long enough")
            assert "none has changed" in reload(daemon)
            # Another algorithm is keyed with what was handed over.
            reload(daemon, {"token": {"algorithm": "HS384"}})
            person.login(connection)
            assert_ok(connection.call("VERIFY", token=person.access), "claims")
        daemon.config = merged(CHEAP, {"token": {"algorithm": "HS384"}})
        daemon.restart()
        with daemon.connect() as connection:
            assert_ok(connection.call("VERIFY", token=person.access), "claims")


def test_the_last_of_several_counts(make):
    daemon = make().start()
    for minutes in range(5, 25):
        write(daemon, {"token": {"access_expiry": f"{minutes}m"}})
        hup(daemon)
    with daemon.connect() as connection:
        person = Person(connection)
        eventually(lambda: person.login(connection)["expires_in"] == 24 * 60, "the last settings")


def test_a_thousand_under_load(make):
    daemon = make().start()
    with daemon.connect() as connection:
        people = [Person(connection) for _ in range(4)]
    stop = threading.Event()
    failures = []

    def ask(person):
        try:
            with daemon.connect() as connection:
                while not stop.is_set():
                    for reply in connection.pipeline([{"op": "VERIFY", "token": person.access}] * 20):
                        assert_ok(reply, "claims")
                    person.rotate(connection)
                    person.login(connection)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=ask, args=(person,)) for person in people]
    for thread in threads:
        thread.start()
    files = daemon.open_files()
    for number in range(1000):
        if number % 10 == 0:
            write(daemon, {"token": {"access_expiry": f"{5 + number % 3}m"}, "socket": {"max_in_flight": 1 + number % 64}})
        hup(daemon)
    reload(daemon, {"token": {"access_expiry": "7m"}})
    with daemon.connect() as connection:
        eventually(lambda: people[0].reply and Person(connection).reply["expires_in"] == 420, "the last settings")
    stop.set()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    assert not failures, failures
    assert daemon.open_files() <= files + 2
    assert daemon.stop() == 0


def test_while_it_stops(make):
    daemon = make().start()
    with daemon.connect() as connection:
        person = Person(connection)
        with freeze(daemon.pid, "usher-store", at_sync=True) as disk:
            connection.send({"op": "REFRESH", "refresh_token": person.refresh})
            assert disk.reached.wait(60)
            daemon.terminate()
            daemon.stderr.wait_for(lambda line: "stopping" in line)
            hup(daemon)
        assert_ok(connection.read_reply(), *PAIR)
    assert daemon.wait() == 0
    assert DONE not in daemon.stderr.text()


def test_before_it_is_ready(make):
    """Whenever it comes after signals are taken, it is answered once the daemon is ready."""
    daemon = make()
    daemon.launch()

    def takes_signals():
        for line in open(f"/proc/{daemon.pid}/status"):
            if line.startswith("SigBlk:"):
                return int(line.split()[1], 16) >> (signal.SIGHUP - 1) & 1

    while not takes_signals():
        assert daemon.is_alive()
    hup(daemon)
    _, ready = daemon.stderr.wait_for(lambda line: "is ready" in line)
    daemon.stderr.wait_for(lambda line: DONE in line, start=ready)
    daemon.wait_ready()


def put(state, name, text):
    """A secret file, as the daemon would make it."""
    (state / name).write_text(text)
    os.chmod(state / name, 0o600)


class TestCheck:
    """`--check-config` looks at secrets, too."""

    def check(self, *args, wrapper=(), binary=USHERD, env=None):
        return subprocess.run([*wrapper, str(binary), *map(str, args)], capture_output=True, text=True, timeout=60, env=env or {})

    @pytest.fixture
    def state(self, folder):
        state = folder / "state"
        state.mkdir(mode=0o700)
        return state

    def test_quiet_says_nothing(self, state):
        done = self.check("--state", state, "--check-config", "--quiet")
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        assert not any(state.iterdir())
        assert self.check("--quiet").returncode == 2

    @pytest.mark.parametrize("secret, words", [("short", "has 5 bytes; HS256 needs at least 32"), ("x" * 31 + "\0", "NUL")])
    def test_one_that_is_no_good(self, state, secret, words):
        put(state, "jwt-secret", secret)
        done = self.check("--state", state, "--check-config", "--quiet")
        assert done.returncode == 1 and str(state / "jwt-secret") in done.stderr and words in done.stderr

    def test_both_the_same(self, state):
        for name in ("jwt-secret", "refresh-secret"):
            put(state, name, "x" * 40)
        done = self.check("--state", state, "--check-config")
        assert done.returncode == 1 and "are the same" in done.stderr and done.stdout == ""

    def test_one_that_a_running_daemon_has_and_the_folder_has_not(self, state):
        for name in ("refresh-secret", "data-key"):
            put(state, name, name[0] * 40)
        assert self.check("--state", state, "--check-config").returncode == 0
        # As systemd runs it for ExecReload=.
        done = self.check("--state", state, "--check-config", env={"MAINPID": "1"})
        assert done.returncode == 1 and f"{state}/jwt-secret is gone: put it back" in done.stderr
        assert self.check("--state", state, "--check-config", env={"MAINPID": "1", "JWT_SECRET": "x" * 40}).returncode == 0
        assert sorted(os.listdir(state)) == ["data-key", "refresh-secret"]

    def test_one_of_the_environment(self):
        done = self.check("--check-config", env={"JWT_SECRET": "short"})
        assert done.returncode == 1 and "JWT_SECRET has 5 bytes" in done.stderr

    def test_who_may_not_read_the_state_sees_the_settings(self, state, as_nobody):
        (state / "jwt-secret").write_text("short")
        done = self.check("--state", state, "--check-config", **as_nobody)
        assert done.returncode == 0 and "[token]" in done.stdout

    def test_a_secret_that_the_daemon_could_not_read(self, state, as_nobody):
        put(state, "jwt-secret", "x" * 40)
        os.chown(state, 65534, 65534)
        done = self.check("--state", state, "--check-config", **as_nobody)
        assert done.returncode == 1 and f"Permission denied: run `chown 65534 {state}/jwt-secret && chmod 0600 {state}/jwt-secret`" in done.stderr
        os.chown(state / "jwt-secret", 1, 1)
        done = self.check("--state", state, "--check-config", **as_nobody)
        assert done.returncode == 1 and "jwt-secret belongs to uid 1, neither root nor the daemon's user (uid 65534)" in done.stderr
