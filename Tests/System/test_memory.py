"""What must not be found in the process's memory, and who may look."""

import os
import random
import re
import secrets
import stat
import subprocess
import time
from pathlib import Path

import pytest

from .connection import assert_failure, assert_ok
from .daemon import JWT_SECRET, REFRESH_SECRET, eventually
from .people import PAIR, Person, fresh_name, registration

PIECE = 16


def writable_memory(pid):
    """The process's writable mappings, a name and the bytes each."""
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            place, mode, *rest = line.split(maxsplit=5)
            name = rest[3] if len(rest) > 3 else "anonymous"
            if "w" not in mode or name in ("[vvar]", "[vsyscall]"):
                continue
            start, end = (int(edge, 16) for edge in place.split("-"))
            try:
                memory.seek(start)
                content = bytearray()
                while len(content) < end - start:
                    more = memory.read(min(end - start - len(content), 1 << 24))
                    if not more:
                        break
                    content += more
            except OSError:
                continue
            yield name, bytes(content)


def found(pid, needles):
    """Which of the needles are in the process's memory, and where."""
    hits = []
    for name, content in writable_memory(pid):
        for what, needle in needles.items():
            count = content.count(needle)
            if count:
                at = content.index(needle)
                hits.append((what, name, count, content[max(0, at - 40) : at + 60]))
    return hits


@pytest.fixture
def root():
    if os.geteuid() != 0:
        pytest.skip("needs root, to read the daemon's memory")


def letters(count=PIECE):
    # No neighbours: too many of them, and a password counts as a sequence.
    return "".join(secrets.choice("ACEGIKMOQSUWYacegikmoqsuwy02468") for _ in range(count))


def escaped(text):
    return "".join(rf"\u{ord(letter):04x}" for letter in text)


class Recognisable:
    """Passwords that all hold the same two pieces, of any length from that on."""

    def __init__(self):
        self.head, self.tail = letters(), letters()

    def password(self, length):
        return (self.head + self.tail + "-" * length)[: max(length, 2 * PIECE)]

    def needles(self):
        return {
            "the head": self.head.encode(), "the tail": self.tail.encode(), "the escaped head": escaped(self.head)[:48].encode(),
            "the escaped tail": escaped(self.tail)[:48].encode(), "the middle": (self.head + self.tail)[8:24].encode(),
            # As password checks read them: in small letters, and backwards.
            "the small head": self.head.lower().encode(), "the small tail": self.tail.lower().encode(),
            "the small middle": (self.head + self.tail)[8:24].lower().encode(),
            "the head reversed": self.head.lower()[::-1].encode(), "the tail reversed": self.tail.lower()[::-1].encode(),
        }


@pytest.mark.parametrize("scheme, cost, longest", [("bcrypt", 4, 72), ("yescrypt", 1, 512)])
def test_no_password_is_left(make, root, scheme, cost, longest):
    marker = letters(24)
    daemon = make({"password": {"scheme": scheme, "cost": cost, "queue": 500}, "log": {"level": "debug"}}, env={"JWT_ISSUER": marker}).start()
    passwords, wrong, weak = Recognisable(), Recognisable(), Recognisable()
    dice = random.Random(3)
    # Some stay open, some are closed: a connection's buffers may outlive it, or it them.
    kept = [daemon.connect() for _ in range(4)]
    people = []
    for n in range(20):
        connection = kept[n % 4]
        password = passwords.password(2 * PIECE + (longest - 2 * PIECE) * n // 19)
        people.append(Person(connection, password=password))
        assert_failure(connection.ask(registration(username=people[-1].username, password=wrong.password(40))), "account_exists")
        assert_failure(connection.ask(registration(username="not a name", password=weak.password(40))), "invalid_field")
        assert_failure(connection.ask(registration(password=weak.password(longest + 1))), "weak_password")
        assert_failure(connection.ask(registration(password=weak.password(40) + "\0")), "weak_password")

    def line(person, password, escape):
        text = escaped(password) if escape else password
        return '{"op":"LOGIN","username":"%s","password":"%s"}\n' % (person.username, text)

    logins = 0
    while logins < 1_000:
        person = dice.choice(people)
        with daemon.connect() as own:
            connection = dice.choice([own, *kept])
            batch = []
            for _ in range(dice.randint(1, 30)):
                right = dice.random() < 0.7
                batch.append((line(person, person.password if right else wrong.password(len(person.password)), dice.random() < 0.3), right))
            data = "".join(text for text, _ in batch).encode()
            if dice.random() < 0.5:
                # In pieces, which are cut anywhere: within a password, within an escape.
                cuts = sorted(dice.randrange(len(data)) for _ in range(8))
                for start, end in zip([0, *cuts], [*cuts, len(data)]):
                    connection.send_raw(data[start:end])
                    # When another connection has been answered, this piece has been read.
                    kept[0 if connection is not kept[0] else 1].ask("PING")
            else:
                connection.send_raw(data)
            for _, right in batch:
                reply = connection.read_reply()
                if right:
                    assert_ok(reply, *PAIR)
                else:
                    assert_failure(reply, "invalid_credentials")
            logins += len(batch)
    # Names that no account has; lines that break in the middle; a line that nobody will ever finish.
    for n in range(50):
        connection = kept[n % 4]
        assert_failure(connection.call("LOGIN", username=fresh_name(), password=wrong.password(40)), "invalid_credentials")
        connection.send('{"op":"LOGIN","username":"x","password":"%s",}' % weak.password(40))
        assert_failure(connection.read_reply(), "bad_request")
        connection.send('{"op":"LOGIN","password":"%s"}' % weak.password(40))
        assert_failure(connection.read_reply(), "missing_field")
    # Passwords that are replaced, and some that are refused.
    for person in people:
        person.login(kept[0])
        change = {"op": "PASSWORD", "token": person.access, "password": person.password, "new_password": passwords.password(50)}
        assert_failure(kept[1].ask({**change, "password": wrong.password(40)}), "invalid_credentials")
        assert_failure(kept[2].ask({**change, "new_password": weak.password(longest + 1)}), "weak_password")
        assert_ok(kept[1].ask(change), "sessions_ended")
        token = kept[2].call("RECOVER", email=person.email)["reset_token"]
        assert_failure(kept[3].call("RESET", reset_token=token, new_password=weak.password(40) + "\0"), "weak_password")
        assert_failure(kept[3].call("RESET", reset_token="x" * 43, new_password=weak.password(40)), "token_invalid")
        assert_ok(kept[3].call("RESET", reset_token=token, new_password=person.password), "user", "sessions_ended")
    with daemon.connect() as gone:
        gone.send_raw(line(people[0], weak.password(60), False).encode()[:-10])
    kept[3].close()
    assert_ok(kept[0].ask("PING"))
    needles = {f"{what} of {name}": needle for name, kind in (("passwords", passwords), ("wrong ones", wrong), ("refused ones", weak)) for what, needle in kind.needles().items()}
    # That a search finds what is there.
    assert found(daemon.pid, {"the issuer": marker.encode()})
    # The thread that hashed may let go of one a moment after the reply.
    for _ in range(100):
        hits = found(daemon.pid, needles)
        if not hits:
            break
        time.sleep(0.05)
    assert not hits, hits
    for stream in (daemon.stdout, daemon.stderr):
        for needle in needles.values():
            assert needle not in stream.raw()


def test_a_password_of_64_kib_is_not_left(make, root):
    daemon = make().start()
    password = Recognisable()
    with daemon.connect() as connection:
        filler = "x" * 60_000
        assert_failure(connection.ask(registration(password=password.head + password.tail + filler)), "weak_password")
        assert_failure(connection.call("LOGIN", username="nobody", password=password.head + password.tail + filler), "invalid_credentials")
        connection.send('{"op":"LOGIN","username":"nobody","password":"%s"}' % (password.head + password.tail + filler * 2))
        assert_failure(connection.read_reply(), "line_too_long")
        assert_ok(connection.ask("PING"))
        # The thread that hashed may let go of it a moment after the reply.
        eventually(lambda: not found(daemon.pid, password.needles()), "memory without the password")


def test_the_process_is_not_dumpable(make, as_nobody):
    """The files of a process in /proc belong to root, not to its user, when nobody may look into it (proc(5))."""
    daemon = make(**as_nobody)
    for path in (daemon.folder, daemon.state):
        os.chown(path, 65534, 65534)
    daemon.start()
    assert "65534" in daemon._status("Uid")
    assert Path(f"/proc/{daemon.pid}/mem").stat().st_uid == 0
    # So it would look otherwise.
    with subprocess.Popen(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "sleep", "60"]) as other:
        try:
            deadline = time.monotonic() + 30
            while Path(f"/proc/{other.pid}/comm").read_text().strip() != "sleep" and time.monotonic() < deadline:
                time.sleep(0.01)
            assert Path(f"/proc/{other.pid}/mem").stat().st_uid == 65534
        finally:
            other.kill()
    looked = subprocess.run(
        ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "cat", f"/proc/{daemon.pid}/environ"], capture_output=True)
    assert looked.returncode != 0 and not looked.stdout


def test_no_secret_is_in_its_arguments(make):
    daemon = make().start()
    arguments = Path(f"/proc/{daemon.pid}/cmdline").read_bytes()
    assert arguments and JWT_SECRET.encode() not in arguments and REFRESH_SECRET.encode() not in arguments


def test_no_core_is_dumped(make, folder):
    daemon = make().start()
    limit = re.search(r"Max core file size\s+(\d+)", Path(f"/proc/{daemon.pid}/limits").read_text())
    # Not dumpable is enough; a limit of nothing is as good.
    before = set(folder.iterdir()) | set(daemon.folder.iterdir())
    daemon.process.send_signal(6)
    daemon.wait()
    new = (set(folder.iterdir()) | set(daemon.folder.iterdir())) - before
    assert not [file for file in new if file.name.startswith("core")], limit


def test_files_of_the_state_hold_no_password(make):
    daemon = make().start()
    password = Recognisable()
    with daemon.connect() as connection:
        person = Person(connection, password=password.password(60))
        person.login(connection)
    daemon.stop()
    for file in daemon.state.rglob("*"):
        if file.is_file():
            content = file.read_bytes()
            assert not any(needle in content for needle in password.needles().values()), file
            assert stat.S_IMODE(file.stat().st_mode) & 0o077 == 0
