"""Backups: made while the daemon serves, checked, and restored so that nothing that was revoked comes back."""

import base64
import json
import os
import shutil
import sqlite3
import stat
import subprocess
import threading
import time

import pytest

from .connection import assert_failure, assert_ok
from .daemon import CHEAP, eventually
from .people import Person, registration
from .tokens import access, claims
from .totp import code, step
from .usherctl import LOCAL, OK, REFUSED, RETRY_LATER, UNREACHABLE, USAGE, FakeDaemon, run


@pytest.fixture
def daemon(make):
    return make(admin=True).start()


def backup(daemon, file):
    done = run("backup", file, socket=daemon.admin)
    assert done.returncode == OK, done.stderr
    return json.loads(run("check", file, "--json").stdout)


def restore(daemon, file, *words):
    return run("restore", file, "--state", daemon.state, "--yes", *words)


def populate(daemon, count, **more):
    """Users without passwords, quickly."""
    with daemon.connect(admin=True) as admin:
        for first in range(0, count, 50):
            users = [{"username": f"u{number}", "email": f"u{number}@example.org", **more} for number in range(first, min(first + 50, count))]
            assert_ok(admin.call("IMPORT", users=users), "staged")
        assert_ok(admin.call("IMPORT", commit=count), "imported")


def files(daemon):
    return {file.name for file in daemon.state.iterdir()}


# Making one


def test_a_backup_of_a_daemon_that_serves(daemon, folder):
    with daemon.connect() as connection:
        Person(connection)
    file = folder / "backup"
    file.write_text("one from before")
    done = run("backup", file, socket=daemon.admin)
    assert done.returncode == OK and "found whole" in done.stdout and "1 users, 1 sessions" in done.stdout, done
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert sqlite3.connect(f"file:{file}?immutable=1", uri=True).execute("SELECT count(*) FROM users").fetchone() == (1,)
    assert list(folder.iterdir()) == [file] and files(daemon) == {"data-key", "lock", "usher.db", "usher.db-wal"}
    told = json.loads(run("backup", file, "--json", socket=daemon.admin).stdout)
    assert told == {"ok": True, "file": str(file), "size": file.stat().st_size, "schema": 3, "users": 1, "sessions": 1}
    daemon.stderr.wait_for(lambda line: "BACKUP granted" in line)


def test_parts_are_of_the_copy_that_the_connection_has_made(daemon):
    populate(daemon, 300, claims={"a": "x" * 1_000})
    with daemon.connect(admin=True) as admin, daemon.connect(admin=True) as other:
        # One after the other, without id.
        admin.send({"op": "BACKUP"}, {"op": "BACKUP", "offset": 0})
        size, first = assert_ok(admin.read_reply(), "size")["size"], assert_ok(admin.read_reply(), "data", "next")
        assert first["next"] == 49_152
        assert_failure(other.call("BACKUP"), "busy", retry_after_ms=1000)
        assert_failure(other.call("BACKUP", offset=0), "invalid_field", field="offset")
        data, next_ = base64.b64decode(first["data"], validate=True), first["next"]
        while next_ is not None:
            part = assert_ok(admin.call("BACKUP", offset=next_), "data", "next")
            data, next_ = data + base64.b64decode(part["data"], validate=True), part["next"]
        assert len(data) == size and data.startswith(b"SQLite format 3\0")
        assert_failure(admin.call("BACKUP", offset=0), "invalid_field", field="offset")
        assert_ok(other.call("BACKUP"), "size")
    # What nobody fetches any more goes away with its connection.
    eventually(lambda: not any("usher.db.backup" in os.readlink(f"/proc/{daemon.pid}/fd/{fd}") for fd in os.listdir(f"/proc/{daemon.pid}/fd")), "the copy goes")


def test_under_load_it_has_all_that_was_acknowledged(daemon, folder):
    populate(daemon, 3_000, claims={"a": "x" * 1_000})
    acknowledged, ended, slowest = [], threading.Event(), [0.0]

    def write():
        with daemon.connect() as connection:
            person = Person(connection)
            while not ended.is_set():
                begun = time.monotonic()
                person.rotate(connection)
                if len(acknowledged) < 2_000:
                    acknowledged.append(Person(connection).username)
                slowest[0] = max(slowest[0], time.monotonic() - begun)

    writers = [threading.Thread(target=write) for _ in range(4)]
    for writer in writers:
        writer.start()
    try:
        eventually(lambda: len(acknowledged) >= 20, "the writers write")
        for number in range(3):
            file = folder / f"backup{number}"
            before = list(acknowledged)
            facts = backup(daemon, file)
            with sqlite3.connect(f"file:{file}?immutable=1", uri=True) as database:
                names = {name for (name,) in database.execute("SELECT username FROM users")}
            assert set(before) <= names and len(names) == facts["users"]
    finally:
        ended.set()
        for writer in writers:
            writer.join()
    # The store is never held up for as long as its calls may take (5 s).
    assert slowest[0] < 4
    shutil.copy(folder / "backup2", folder / "good")
    assert daemon.stop() == 0
    done = restore(daemon, folder / "good")
    assert done.returncode == OK, done.stderr
    daemon.start()
    with daemon.connect(admin=True) as admin:
        for name in before:
            assert_ok(admin.call("USER_SHOW", user=name), "user")


def test_a_kill_in_the_middle_leaves_no_rubbish(daemon, folder):
    populate(daemon, 10_000, claims={"a": "x" * 1_000})
    with daemon.connect(admin=True) as admin:
        admin.send({"op": "BACKUP"})
        eventually(lambda: "usher.db.backup" in files(daemon), "the copy is being made")
        daemon.kill9()
    assert "usher.db.backup" in files(daemon)
    daemon.start()
    assert files(daemon) == {"data-key", "lock", "usher.db", "usher.db-wal"}
    assert backup(daemon, folder / "backup")["users"] == 10_000


def test_a_lost_daemon_leaves_no_file(daemon, folder):
    replies = {"BACKUP": lambda request: {"size": 10} if "offset" not in request else None}
    with FakeDaemon(folder, replies) as fake:
        assert run("backup", folder / "backup", socket=fake.socket).returncode == UNREACHABLE
    replies = {"BACKUP": lambda request: {"size": 6} if "offset" not in request else {"data": base64.b64encode(b"nonono").decode(), "next": None}}
    (folder / "fake").unlink()
    with FakeDaemon(folder, replies) as fake:
        done = run("backup", folder / "backup", socket=fake.socket)
        assert done.returncode == REFUSED and "not an SQLite database" in done.stderr
    (folder / "fake").unlink()
    replies = {"BACKUP": {"error": "busy", "message": "Another backup is under way.", "status": 503, "retry_after_ms": 1000}}
    with FakeDaemon(folder, replies) as fake:
        assert run("backup", folder / "backup", socket=fake.socket).returncode == RETRY_LATER
    assert [file.name for file in folder.iterdir()] == ["fake"]
    assert run("backup", folder / "none" / "backup", socket=daemon.admin).returncode == LOCAL


def test_a_full_disk(make, folder):
    if os.geteuid() != 0:
        pytest.skip("needs root, to mount a small file system")
    disk = folder / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=128m,mode=700", "tmpfs", str(disk)], capture_output=True).returncode != 0:
        pytest.skip("mounts are not allowed here")
    try:
        daemon = make(CHEAP, state=disk / "state", admin=True)
        daemon.state.mkdir(mode=0o700)
        daemon.start()
        populate(daemon, 8_000, claims={"a": "x" * 1_000})
        # So much that the copy begins, and comes to the reserve in its middle.
        free = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize
        (disk / "ballast").write_bytes(b"x" * (free - (16 << 20) - (4 << 20)))
        before = os.statvfs(disk).f_bavail
        done = run("backup", folder / "backup", socket=daemon.admin)
        assert done.returncode == RETRY_LATER and "no room" in done.stderr, done
        assert "usher.db.backup" not in files(daemon) and not (folder / "backup").exists()
        assert os.statvfs(disk).f_bavail >= before - 16
        daemon.stderr.wait_for(lambda line: "would be left with less than 16 MiB" in line)
        with daemon.connect() as connection, daemon.connect(admin=True) as admin:
            person = Person(connection)
            person.rotate(connection)
            assert admin.call("STATUS")["store"]["health"] == "working"
        (disk / "ballast").unlink()
        assert backup(daemon, folder / "backup")["users"] == 8_001
        daemon.kill9()
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)


# Restoring one


def test_the_drill(daemon, folder):
    """What was revoked stays dead, what was issued dies, and users log in anew."""
    file = folder / "backup"
    with daemon.connect() as connection:
        ada, revoked = Person(connection), Person(connection)
        secret = connection.call("TOTP", action="enrol", token=ada.access, password=ada.password)["secret"]
        assert_ok(connection.call("TOTP", action="confirm", token=ada.access, code=code(secret, step())), "enabled", "recovery_codes")
        mailed = connection.call("RECOVER", email=revoked.email)["reset_token"]
        foreign = access(sub=ada.user["id"])
        assert_ok(connection.call("VERIFY", token=foreign), "claims")
        assert backup(daemon, file) == {"ok": True, "file": str(file), "schema": 3, "users": 2, "sessions": 2}
        assert connection.call("REVOKE", token=revoked.access, scope="session")["revoked"] is True
        later = Person(connection)
        done = restore(daemon, file)
        assert done.returncode == REFUSED and f"Process {daemon.pid} uses the state folder" in done.stderr and "systemctl stop" in done.stderr
    assert daemon.stop() == 0
    done = restore(daemon, file)
    assert done.returncode == OK, done.stderr
    assert files(daemon) == {"data-key", "lock", "usher.db"}
    assert stat.S_IMODE((daemon.state / "usher.db").stat().st_mode) == 0o600
    daemon.start()
    assert "sudden end" not in daemon.stderr.text()
    with daemon.connect() as connection:
        for person in (ada, revoked, later):
            assert_failure(connection.call("VERIFY", token=person.access), "token_revoked")
            assert_failure(connection.call("REFRESH", refresh_token=person.refresh), "token_revoked")
        assert_failure(connection.call("VERIFY", token=foreign), "token_revoked")
        assert_failure(connection.call("RESET", reset_token=mailed, new_password="correct horse battery"), "token_invalid")
        assert_failure(connection.call("LOGIN", login=later.username, password=later.password), "invalid_credentials")
        # At once: the restore has waited until the second was over.
        revoked.login(connection)
        assert_ok(connection.call("VERIFY", token=revoked.access), "claims")
        revoked.rotate(connection)
        assert_ok(connection.call("VERIFY", token=access(iat=claims()["iat"] + 1)), "claims")
        assert_failure(connection.call("LOGIN", login=ada.username, password=ada.password), "otp_required")
        # And after another restart.
        daemon.restart()
    with daemon.connect() as connection:
        assert_failure(connection.call("VERIFY", token=later.access), "token_revoked")
        assert_ok(connection.call("VERIFY", token=revoked.access), "claims")


def test_kept_sessions(daemon, folder):
    file = folder / "backup"
    with daemon.connect() as connection:
        kept, rotated, revoked = (Person(connection) for _ in range(3))
        backup(daemon, file)
        for _ in range(2):
            rotated.rotate(connection)
        assert connection.call("REVOKE", token=revoked.access, scope="session")["revoked"] is True
        assert_failure(connection.call("VERIFY", token=revoked.access), "token_revoked")
    daemon.kill9()
    assert restore(daemon, file, "--keep-sessions").returncode == OK
    daemon.start()
    with daemon.connect() as connection:
        assert_ok(connection.call("VERIFY", token=kept.access), "claims")
        kept.rotate(connection)
        # That is its price.
        assert_ok(connection.call("VERIFY", token=revoked.access), "claims")
        assert_failure(connection.call("REFRESH", refresh_token=rotated.refresh), "token_revoked")
        daemon.stderr.wait_for(lambda line: "gone back in time" in line)


def test_after_a_crash_nothing_of_the_old_database_is_left(daemon, folder):
    file = folder / "backup"
    with daemon.connect() as connection:
        old = Person(connection)
        backup(daemon, file)
        new = Person(connection)
    daemon.kill9()
    assert (daemon.state / "usher.db-wal").stat().st_size > 0
    assert restore(daemon, file).returncode == OK
    daemon.start()
    with daemon.connect() as connection:
        old.login(connection)
        assert_failure(connection.call("LOGIN", login=new.username, password=new.password), "invalid_credentials")
    assert run("check", socket=daemon.admin).returncode == OK


def test_it_belongs_to_the_owner_of_the_folder(make, folder, as_nobody):
    daemon = make(admin=True, **as_nobody)
    daemon.state.chmod(0o700)
    for path in (daemon.folder, daemon.state):
        os.chown(path, 65_534, 65_534)
    daemon.start()
    file = folder / "backup"
    backup(daemon, file)
    assert daemon.stop() == 0
    # Also where there was nothing yet.
    (daemon.state / "lock").unlink()
    (daemon.state / "usher.db").unlink()
    assert restore(daemon, file).returncode == OK
    for name in ("lock", "usher.db"):
        status = (daemon.state / name).stat()
        assert (status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode)) == (65_534, 65_534, 0o600)
    daemon.start()


def test_what_is_no_backup_replaces_nothing(daemon, folder):
    file = folder / "backup"
    with daemon.connect() as connection:
        person = Person(connection)
    populate(daemon, 500, claims={"a": "x" * 500})
    backup(daemon, file)
    assert daemon.stop() == 0
    whole = file.read_bytes()
    kept = (daemon.state / "usher.db").read_bytes()

    def changed(sql):
        file.write_bytes(whole)
        with sqlite3.connect(file) as database:
            database.executescript(sql)
        database.close()
        return file.read_bytes()

    cases = {
        "not an SQLite database": b"An essay on locks.\n" * 1_000,
        "damaged": whole[:8_192] + bytes(len(whole) - 8_192),
        "schema has version 4": changed("PRAGMA user_version = 4"),
        "not one of usher's": changed("PRAGMA application_id = 1"),
        "is empty": b"",
        "is not there": changed("DELETE FROM users WHERE username LIKE 'user-%'"),
    }
    for problem, content in cases.items():
        file.write_bytes(content)
        for done in (run("check", file), restore(daemon, file)):
            assert done.returncode == REFUSED and problem in done.stderr, (problem, done)
        assert (daemon.state / "usher.db").read_bytes() == kept and files(daemon) == {"data-key", "lock", "usher.db"}
    assert restore(daemon, folder / "none").returncode == LOCAL
    file.write_bytes(whole)
    assert run("restore", file, "--state", folder / "none", "--yes").returncode == LOCAL
    assert run("restore", file, "--state", daemon.state).returncode == USAGE
    daemon.start()
    with daemon.connect() as connection:
        person.login(connection)


# Checking


def test_check(daemon, folder, monkeypatch):
    with daemon.connect() as connection:
        Person(connection)
    done = run("check", socket=daemon.admin)
    assert done.returncode == OK and "the daemon's database: whole" in done.stdout, done
    assert not [name for name in os.listdir("/var/tmp") if "usher-check" in name]
    done = run("check", daemon.state / "usher.db")
    assert done.returncode == REFUSED and "it is in use" in done.stderr
    assert daemon.stop() == 0
    assert run("check", daemon.state / "usher.db").returncode == OK
    assert run("check", socket=daemon.admin).returncode == UNREACHABLE
    assert files(daemon) == {"data-key", "lock", "usher.db"}
