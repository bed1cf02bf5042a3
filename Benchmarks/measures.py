"""The measurements: each returns its figures as they came, round by round; `report.py` makes sense of them."""

import contextlib
import os
import subprocess
import sys
import time

import machine
import tokens
from servers import WrongReply

# Name, connections, requests in flight on each, and whether server and client share a processor.
SHAPES = [("64x1", 64, 1, False), ("8x32", 8, 32, False), ("1x1", 1, 1, True)]
REFRESH_CLIENTS = 64
STARTS = 20
IDLE_SECONDS = 5
LOGIN_CLIENTS = 8
LOGIN_VERIFY_RATE = 5_000
# What SQLite appends to its log for one changed page.
LOG_FRAME = 24 + 4096


def progress(text):
    print(f"  {text}", file=sys.stderr, flush=True)


def _register(client, username):
    return client.ask("REGISTER", username=username, email=f"{username}@example.com", password=tokens.PASSWORD)


def _requests(rig, daemon):
    """A file of VERIFY requests; throws if the daemon does not answer the first of each kind as it should."""
    with daemon.client() as client:
        model = _register(client, tokens.USERNAME)["access_token"]
        lines = tokens.verify_requests(model, rig.secret.encode())
        for expected, request in [lines[0], lines[1], lines[tokens.BAD_ONE_IN]]:
            reply = client.line(request)
            if not reply.startswith(expected):
                got = reply.decode(errors="replace")
                raise WrongReply(f"{request.decode()}\n  expected {expected.decode()} …\n  but got  {got}")
    return rig.write("verify", [expected + b"\t" + request for expected, request in lines]), len(model), len(lines[1][1])


def verify(rig):
    """VERIFY beside the echo of the very same lines, in turns."""
    rounds = []
    with rig.echo() as echo, rig.daemon("state") as daemon:
        with daemon.client() as client:
            version = client.ask("PING").get("version")
        file, token_bytes, line_bytes = _requests(rig, daemon)
        for number in range(rig.rounds):
            progress(f"VERIFY, round {number + 1} of {rig.rounds}")
            figures = {}
            for name, connections, depth, shared in SHAPES:
                cpu = rig.server_cpu if shared else rig.load_cpu
                options = ["--requests", file, "--connections", connections, "--depth", depth, "--seed", 1 + 1000 * number]
                runs = [("echo", echo, ["--echo"]), ("usherd", daemon, [])]
                if number % 2 == 1:
                    runs.reverse()
                figures[name] = {who: rig.load(server, *options, *more, cpu=cpu) for who, server, more in runs}
            rounds.append(figures)
        after = machine.resident_bytes(daemon.pid)
    return {
        "version": version, "token_bytes": token_bytes, "line_bytes": line_bytes, "tokens": tokens.DISTINCT,
        "rounds": rounds, "resident_bytes_after": after,
    }


def _syncs_per_second(folder, seconds):
    path = os.path.join(folder, "fdatasync")
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        frame, count, began = bytes(LOG_FRAME), 0, time.monotonic()
        while time.monotonic() - began < seconds:
            os.write(file, frame)
            os.fdatasync(file)
            count += 1
        return count / (time.monotonic() - began)
    finally:
        os.close(file)
        os.unlink(path)


def refresh(rig):
    """Sessions that exchange their refresh token over and over, beside one fdatasync after another in the same folder."""
    rounds = []
    with rig.daemon("state") as daemon, daemon.client() as client:
        names = [f"refresh_{number}" for number in range(REFRESH_CLIENTS)]
        for name in names:
            _register(client, name)
        for number in range(rig.rounds):
            progress(f"REFRESH, round {number + 1} of {rig.rounds}")
            fresh = [client.ask("LOGIN", username=name, password=tokens.PASSWORD)["refresh_token"].encode() for name in names]
            file = rig.write("refresh", fresh)
            rounds.append({
                "syncs_per_second": _syncs_per_second(rig.path("state"), rig.seconds / 2),
                "refresh": rig.load(daemon, "--refresh", "--requests", file, "--connections", REFRESH_CLIENTS),
            })
    return {"clients": REFRESH_CLIENTS, "rounds": rounds, "file_system": machine.file_system(rig.path("state"))}


def start(rig):
    """From the fork to the first answer, on a state folder that exists."""
    with rig.daemon("state") as daemon, daemon.client() as client:
        client.ask("PING")
    echoes, daemons = [], []
    for number in range(STARTS):
        if number % 5 == 0:
            progress(f"start {number + 1} of {STARTS}")
        with contextlib.suppress(FileNotFoundError):
            os.unlink(rig.path("echo.sock"))
        echoes.append(rig.first_answer(rig.path("echo.sock"), rig.echo_command()))
        daemons.append(rig.first_answer(rig.path("usher.sock"), rig.daemon_command("state")))
    return {"echo_ms": echoes, "usherd_ms": daemons}


def idle(rig):
    """A daemon that nobody has asked anything yet."""
    progress("idle")
    with rig.daemon("state") as daemon:
        time.sleep(1)
        resident = machine.resident_bytes(daemon.pid)
        clock = (~daemon.pid << 3) | 2  # clock_getcpuclockid(3): the CPU time of another process
        wake_ups, used = machine.wake_ups(daemon.pid), time.clock_gettime(clock)
        time.sleep(IDLE_SECONDS)
        return {
            "resident_bytes": resident, "threads": machine.threads(daemon.pid), "seconds": IDLE_SECONDS,
            "wake_ups": machine.wake_ups(daemon.pid) - wake_ups, "cpu_ms": (time.clock_gettime(clock) - used) * 1000,
        }


def binary(rig):
    """The size of the daemon's file, and the libraries that it asks for; None for what can't be told."""
    stripped = rig.path("stripped")
    try:
        strip = subprocess.run(["strip", "-o", stripped, rig.usherd], capture_output=True).returncode == 0
        ldd = subprocess.run(["ldd", rig.usherd], capture_output=True, text=True)
    except FileNotFoundError as error:
        progress(f"{error.filename}: not found")
        return {"bytes": os.path.getsize(rig.usherd), "stripped_bytes": None, "libraries": None}
    libraries = [line.split()[0].rpartition("/")[2] for line in ldd.stdout.splitlines() if line.strip()]
    return {
        "bytes": os.path.getsize(rig.usherd),
        "stripped_bytes": os.path.getsize(stripped) if strip else None,
        "libraries": libraries if ldd.returncode == 0 else None,
    }


def login(rig):
    """LOGIN with the daemon's own password scheme, as much as it takes, and VERIFY at a fixed rate without and with it.

    Here the daemon has every processor but the load's: with two, the thread that hashes and the one that verifies share one.
    """
    processors = os.sched_getaffinity(0) - {rig.load_cpu} or {rig.load_cpu}
    rounds = []
    with rig.daemon("login-state", processors, settings=False) as daemon:
        file, _, _ = _requests(rig, daemon)
        names = [f"login_{number}" for number in range(LOGIN_CLIENTS)]
        with daemon.client() as client:
            for name in names:
                _register(client, name)
        logins = rig.write("login", [tokens.login_request(name) for name in names])
        verifying = ["--requests", file, "--connections", 8, "--depth", 64, "--open", LOGIN_VERIFY_RATE]
        for number in range(rig.rounds):
            progress(f"LOGIN, round {number + 1} of {rig.rounds}")
            alone = rig.load(daemon, *verifying)
            # It begins before the VERIFY load and ends after it.
            load = rig.begin_load(
                daemon, "--requests", logins, "--connections", LOGIN_CLIENTS, "--warmup", 0.3, seconds=rig.seconds + 0.5)
            try:
                beside = rig.load(daemon, *verifying)
            except BaseException:
                load.kill()
                load.wait()
                raise
            rounds.append({"alone": alone, "beside": beside, "login": rig.finish_load(daemon, load)})
    return {"clients": LOGIN_CLIENTS, "verify_rate": LOGIN_VERIFY_RATE, "processors": sorted(processors), "rounds": rounds}


# In this order: the later ones find the state folder that the first one has filled.
ALL = {"verify": verify, "refresh": refresh, "start": start, "idle": idle, "login": login, "binary": binary}
