"""Databases that are full: what would take the daemon hours to gather is written beside it, while it does not run."""

import contextlib
import os
import sqlite3
import time

USERS = SESSIONS = 1_000_000
REVOCATIONS = 100_000


@contextlib.contextmanager
def _database(folder):
    """The database of a daemon that has ended, opened for writing much at once."""
    database = sqlite3.connect(os.path.join(folder, "usher.db"), isolation_level=None)
    try:
        for pragma in ("journal_mode = MEMORY", "synchronous = OFF", "cache_size = -400000"):
            database.execute(f"PRAGMA {pragma}")
        database.execute("BEGIN")
        yield database
        database.execute("COMMIT")
    finally:
        database.close()


def identifier(milliseconds, number):
    """A UUIDv7, of which the next number is the next."""
    return (milliseconds << 80 | 7 << 76 | 2 << 62 | number * 0x9E3779B97F4A7C15 % 2**62).to_bytes(16, "big")


def dashed(uuid):
    digits = uuid.hex()
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def _model(database, table):
    """A row of the table as a dictionary, and the statement that puts such a row, with its rowid, into it."""
    cursor = database.execute(f"SELECT * FROM {table} LIMIT 1")
    names = [column[0] for column in cursor.description]
    places = ", ".join("?" for _ in names)
    return dict(zip(names, cursor.fetchone())), f"INSERT INTO {table} (rowid, {', '.join(names)}) VALUES (?, {places})"


def _free_rows(database, table, count):
    """Spreads the rows that are there evenly among the `count` that are to be, and returns the rowids between them."""
    (there,) = database.execute(f"SELECT max(rowid) FROM {table}").fetchone()
    step = count // there
    database.execute(f"UPDATE {table} SET rowid = rowid * {step} WHERE true")
    return (row for row in range(1, count + 1) if row % step != 0 or row > there * step)


def username(row):
    return f"filler_{row:07}"


def fill(folder):
    """Users and sessions, among them those that are there already, and revocations. Returns usernames at random places."""
    started = int(time.time() * 1000) - USERS
    with _database(folder) as database:
        user, statement = _model(database, "users")
        rows = _free_rows(database, "users", USERS)
        database.executemany(statement, (
            (row, *(user | {
                "id": identifier(started + row, row), "username": username(row), "username_folded": username(row),
                "email": f"{username(row)}@example.com", "email_folded": f"{username(row)}@example.com",
            }).values()) for row in rows))
        session, statement = _model(database, "sessions")
        rows = _free_rows(database, "sessions", SESSIONS)
        database.executemany(statement, (
            (row, *(session | {
                "id": identifier(started + row, ~row % 2**62), "user": identifier(started + row, row), "seed": os.urandom(32),
            }).values()) for row in rows))
        database.execute("UPDATE hash_settings SET users = (SELECT count(*) FROM users)")
        revoke(database, REVOCATIONS)
        return [name for name, in database.execute(
            "SELECT username FROM users WHERE rowid % 100 = 37 AND username LIKE 'filler%'").fetchall()]


def revoke(database, count, others=()):
    """So many revoked tokens, and others by their `jti`."""
    started, until = int(time.time() * 1000) - count, int(time.time()) + 86_400
    ids = [dashed(identifier(started + number, number)) for number in range(count - len(others))]
    database.executemany(
        "INSERT INTO revocations (kind, id, until) VALUES (0, ?, ?)", ((each, until) for each in [*ids, *others]))


def revoke_in(folder, count, others):
    with _database(folder) as database:
        revoke(database, count, others)
