"""What much of something costs: revocations, users and sessions, connections. As in `measures.py`, figures as they came."""

import base64
import json
import resource
import shutil
import time

import machine
import stores
import tokens
from measures import REFRESH_CLIENTS, progress, register, verify_requests
from rig import IDLE_CONNECTIONS
from servers import WrongReply

REVOCATIONS = 1_000_000
STARTS = 10
LOOKUP = ["--connections", 8]


def revocations(rig):
    """VERIFY by two daemons in turns, with all those revocations and with none."""
    with rig.daemon("none") as daemon:
        with daemon.client() as client:
            token = register(client, "revoked")["access_token"]
    payload = token.split(".")[1]
    jti = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["jti"]
    progress(f"writing {REVOCATIONS:,} revocations")
    shutil.copytree(rig.path("none"), rig.path("revoked"))
    stores.revoke_in(rig.path("revoked"), REVOCATIONS, [jti])
    rounds = []
    with rig.daemon("none") as none, rig.daemon("revoked") as revoked:
        with revoked.client() as client:
            reply = client.line(json.dumps({"op": "VERIFY", "token": token}).encode())
            if not reply.startswith(b'{"ok":false,"error":"token_revoked"'):
                raise WrongReply(f"a revoked token was answered with {reply[:300].decode(errors='replace')}")
        file, _, _ = verify_requests(rig, none)
        time.sleep(1)
        resident = {"none": machine.resident_bytes(none.pid), "revoked": machine.resident_bytes(revoked.pid)}
        for number in range(rig.rounds):
            progress(f"VERIFY with revocations, round {number + 1} of {rig.rounds}")
            runs = [("none", none), ("revoked", revoked)][:: -1 if number % 2 else 1]
            options = ["--requests", file, "--connections", 64, "--seed", 1 + 1000 * number]
            rounds.append({name: rig.load(daemon, *options) for name, daemon in runs})
    return {"revocations": REVOCATIONS, "resident_bytes": resident, "rounds": rounds}


def stock(rig):
    """Start, lookup and REFRESH with a full store, beside one that holds only the accounts that are used."""
    names = [f"refresh_{number}" for number in range(REFRESH_CLIENTS)]
    with rig.daemon("small") as daemon, daemon.client() as client:
        for name in names:
            register(client, name)
        # A session's token is good for one round.
        fresh = [
            [client.ask("LOGIN", username=name, password=tokens.PASSWORD)["refresh_token"].encode() for name in names]
            for _ in range(rig.rounds)
        ]
    progress(f"writing {stores.USERS:,} users and {stores.SESSIONS:,} sessions")
    shutil.copytree(rig.path("small"), rig.path("full"))
    known = {"small": names, "full": stores.fill(rig.path("full"))}
    lookups = {
        state: rig.write(f"show-{state}", [json.dumps({"op": "USER_SHOW", "user": name}).encode() for name in names])
        for state, names in known.items()
    }
    starts = {"small": [], "full": []}
    for number in range(STARTS):
        for state in starts:
            starts[state].append(rig.first_answer(rig.path(f"{state}.sock"), rig.daemon_command(state)))
    rounds = []
    with rig.daemon("small") as small, rig.daemon("full") as full:
        for number in range(rig.rounds):
            progress(f"a full store, round {number + 1} of {rig.rounds}")
            file = rig.write("stock-refresh", fresh[number])
            figures = {}
            for state, daemon in [("small", small), ("full", full)][:: -1 if number % 2 else 1]:
                show = ["--socket", rig.admin_socket(state), "--requests", lookups[state], *LOOKUP]
                figures[state] = {
                    "lookup": rig.load(daemon, *show),
                    "refresh": rig.load(daemon, "--refresh", "--requests", file, "--connections", REFRESH_CLIENTS),
                }
            rounds.append(figures)
        resident = machine.resident_bytes(full.pid)
    return {
        "users": stores.USERS, "sessions": stores.SESSIONS, "revocations": stores.REVOCATIONS, "start_ms": starts,
        "rounds": rounds, "resident_bytes": resident,
    }


def connections(rig):
    """Memory of connections that have asked once and are idle since."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most < IDLE_CONNECTIONS + 100:
        return {"skipped": f"this process may open {most:,} files, and {IDLE_CONNECTIONS + 100:,} are needed"}
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    progress(f"{IDLE_CONNECTIONS:,} idle connections")
    with rig.daemon("state") as daemon, daemon.client() as client:
        client.ask("PING")
        time.sleep(1)
        before = machine.resident_bytes(daemon.pid)
        idle = []
        try:
            for _ in range(IDLE_CONNECTIONS):
                idle.append(daemon.client())
                idle[-1].ask("PING")
            after = machine.resident_bytes(daemon.pid)
        finally:
            for each in idle:
                each.__exit__()
    return {"connections": IDLE_CONNECTIONS, "bytes_each": (after - before) / IDLE_CONNECTIONS}
