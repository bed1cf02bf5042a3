"""The measurements: each returns its figures as they came, round by round; `report.py` makes sense of them."""

import contextlib
import json
import os
import random
import subprocess
import sys
import time

import machine
import tokens
from servers import Failure, Missing, WrongReply

# Name, connections, requests in flight on each, and whether server and client share a processor.
SHAPES = [("64x1", 64, 1, False), ("8x32", 8, 32, False), ("1x1", 1, 1, True)]
# The value of a session in Redis, in bytes.
SESSION = 300
REFRESH_CLIENTS = 64
STARTS = 20
IDLE_SECONDS = 5
LOGIN_CLIENTS = 8
# LOGINs that fill the queue, those that up to 64 workers are at counted; those that then come on top; and how many of them may find
# that a place has become free.
CROWD = 192
OVERFLOW = 100
OVERFLOW_TAKEN = 10
SYSTEM_PYTHON = "/usr/bin/python3"
# What SQLite appends to its log for one changed page.
LOG_FRAME = 24 + 4096


def progress(text):
    print(f"  {text}", file=sys.stderr, flush=True)


def register(client, username):
    return client.ask("REGISTER", username=username, email=f"{username}@example.com", password=tokens.PASSWORD)


def verify_requests(rig, daemon):
    """A file of VERIFY requests; throws if the daemon does not answer the first of each kind as it should."""
    with daemon.client() as client:
        model = register(client, tokens.USERNAME)["access_token"]
        lines = tokens.verify_requests(model, rig.secret.encode())
        for expected, request in [lines[0], lines[1], lines[tokens.BAD_ONE_IN]]:
            reply = client.line(request)
            if not reply.startswith(expected):
                got = reply.decode(errors="replace")
                raise WrongReply(f"{request.decode()}\n  expected {expected.decode()} …\n  but got  {got}")
    return rig.write("verify", [expected + b"\t" + request for expected, request in lines]), len(model), len(lines[1][1])


def verify(rig):
    """VERIFY beside the echo of the very same lines, GET of a session from Redis, and the bare checking of the tokens, in turns."""
    rounds = []
    with contextlib.ExitStack() as servers:
        echo, daemon = servers.enter_context(rig.echo()), servers.enter_context(rig.daemon("state"))
        redis = rig.redis()
        with daemon.client() as client:
            version = client.ask("PING").get("version")
        file, token_bytes, line_bytes = verify_requests(rig, daemon)
        runs = [("echo", echo, ["--requests", file, "--echo"]), ("usherd", daemon, ["--requests", file])]
        if redis:
            servers.enter_context(redis)
            runs.append(("redis", redis, ["--requests", _sessions_in(rig, redis), "--redis"]))
        for number in range(rig.rounds):
            progress(f"VERIFY, round {number + 1} of {rig.rounds}")
            figures = {"bare_us": rig.bare(file)}
            for name, connections, depth, shared in SHAPES:
                cpu = rig.server_cpu if shared else rig.load_cpu
                options = ["--connections", connections, "--depth", depth, "--seed", 1 + 1000 * number]
                figures[name] = {
                    who: rig.load(server, *options, *more, cpu=cpu) for who, server, more in runs[:: -1 if number % 2 else 1]
                }
            rounds.append(figures)
        after = machine.resident_bytes(daemon.pid)
    return {
        "version": version, "token_bytes": token_bytes, "line_bytes": line_bytes, "tokens": tokens.DISTINCT,
        "redis": redis is not None, "rounds": rounds, "resident_bytes_after": after,
    }


def _sessions_in(rig, redis):
    """As many sessions as there are tokens, put into Redis; a file of what to ask for and what must come."""
    chance = random.Random(2)
    sessions = [(f"session:{chance.getrandbits(128):032x}", f"{chance.getrandbits(4 * SESSION):0{SESSION}x}") for _ in range(tokens.DISTINCT)]
    with redis.client() as client:
        for key, value in sessions:
            if client.line(f"SET {key} {value}\r".encode()) != b"+OK\r":
                raise WrongReply("redis does not keep what it is given")
    return rig.write("sessions", [f"{value}\t{key}".encode() for key, value in sessions])


def apps(rig):
    """What an app spends on a token when it asks Usher, and with its own library. App and daemon share a processor, as in 1 × 1."""
    languages = {"python": [rig.python, "app.py"], "ruby": ["/usr/bin/ruby", "app.rb"]}
    if rig.python != SYSTEM_PYTHON:
        languages["system python"] = [SYSTEM_PYTHON, "app.py"]
    rounds = {name: [] for name in languages}
    skipped = {}
    with rig.daemon("apps") as daemon:
        file, _, _ = verify_requests(rig, daemon)
        for number in range(rig.rounds):
            progress(f"apps, round {number + 1} of {rig.rounds}")
            for name, (interpreter, script) in languages.items():
                command = [interpreter, rig.source(script), daemon.socket_path, file, rig.seconds / 2]
                try:
                    figures = rig.output(script, rig.server_cpu, *command, "theirs" if number % 2 else "ours")
                except Missing as missing:
                    skipped[name] = str(missing)
                else:
                    rounds[name].append(json.loads(figures))
    return {"rounds": rounds, "skipped": skipped}


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
            register(client, name)
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
        daemons.append(rig.first_answer(rig.path("state.sock"), rig.daemon_command("state")))
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
    """LOGIN with the daemon's own password scheme, as much as it takes, and VERIFY at half its capacity without and with it.

    Here the daemon has every processor but the load's: with two, the thread that hashes and the one that verifies share one.
    """
    processors = os.sched_getaffinity(0) - {rig.load_cpu} or {rig.load_cpu}
    rounds, workers = [], 0
    with rig.daemon("login-state", processors, settings=False) as daemon:
        file, _, _ = verify_requests(rig, daemon)
        names = [f"login_{number}" for number in range(LOGIN_CLIENTS)]
        with daemon.client() as client:
            for name in names:
                register(client, name)
        logins = rig.write("login", [tokens.login_request(name) for name in names])
        verifying = ["--requests", file, "--connections", 64]
        for number in range(rig.rounds):
            progress(f"LOGIN, round {number + 1} of {rig.rounds}")
            rate = rig.load(daemon, *verifying)["requests_per_second"] / 2
            verifying_open = [*verifying, "--depth", 64, "--open", f"{rate:.0f}"]
            alone = rig.load(daemon, *verifying_open)
            with _logins(rig, daemon, logins) as beside_logins:
                beside = rig.load(daemon, *verifying_open)
            with _logins(rig, daemon, logins) as only_logins:
                busy, workers = _hashing_share(daemon, rig.seconds)
            rounds.append({
                "verify_rate": rate, "alone": alone, "beside": beside, "login": only_logins[0], "login_beside": beside_logins[0],
                "pool_busy": busy, "overflow_ms": _overflow(daemon),
            })
    return {"clients": LOGIN_CLIENTS, "processors": sorted(processors), "workers": workers, "rounds": rounds}


@contextlib.contextmanager
def _logins(rig, daemon, requests):
    """LOGINs from before to after what is done within; the list has their figures afterwards."""
    figures = []
    load = rig.begin_load(
        daemon, "--requests", requests, "--connections", LOGIN_CLIENTS, "--warmup", 0.3, seconds=rig.seconds + 1)
    try:
        time.sleep(0.3)
        yield figures
    except BaseException:
        load.kill()
        load.wait()
        raise
    figures.append(rig.finish_load(daemon, load))


def _hashing_share(daemon, seconds):
    """For which share of the time the threads that hash were not asleep, and how many they are."""
    began, before = time.monotonic(), machine.awake_seconds(daemon.pid, "usher-hash")[0]
    time.sleep(seconds)
    after, workers = machine.awake_seconds(daemon.pid, "usher-hash")
    return (after - before) / workers / (time.monotonic() - began), workers


def _overflow(daemon):
    """How long LOGINs took, each in milliseconds, that were answered `busy` because as many waited as may."""
    request, latencies = tokens.login_request("login_0"), []
    with contextlib.ExitStack() as clients:
        crowd = [clients.enter_context(daemon.client()) for _ in range(CROWD)]
        for client in crowd:
            client.socket.sendall(request + b"\n")
        time.sleep(0.02)
        for _ in range(OVERFLOW):
            client = clients.enter_context(daemon.client())
            began = time.monotonic()
            client.socket.settimeout(0.02)
            try:
                reply = client.line(request)
            except Failure:
                # A place had become free, and this one has it now.
                continue
            latencies.append((time.monotonic() - began) * 1000)
            if not reply.startswith(b'{"ok":false,"error":"busy"'):
                raise WrongReply(f"a LOGIN too many was answered with {reply[:300].decode(errors='replace')}")
    if len(latencies) < OVERFLOW - OVERFLOW_TAKEN:
        raise Failure("the queue of LOGINs did not overflow")
    return latencies
