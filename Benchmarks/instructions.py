#!/usr/bin/env python3
"""Counts the instructions that a request takes, under callgrind: a measure that does not change with what else the machine does.

    instructions.py --usherd PATH             fails when a request takes more than instructions.json allows
    instructions.py --usherd PATH --accept    writes what it measures there

One run makes some requests of each kind, and for each kind another run makes five times as many of it: the difference is theirs alone.
One connection asks, one request at a time, so that nothing depends on who comes first. libcrypto is not counted: under valgrind it
computes SHA-256 without the processor's help.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys

sys.dont_write_bytecode = True

import tokens
from measures import verify_requests
from rig import SOURCES, Rig
from servers import Failure, Server

ALLOWED = os.path.join(SOURCES, "instructions.json")
GROWTH = 1.03
# How many requests of each kind the shorter run makes, and how many times as many the longer one.
FEW = {"VERIFY": 1000, "AUTHORIZE": 1000, "REFRESH": 100}
TIMES = 5
NOT_COUNTED = "libcrypto"


class SlowServer(Server):
    """Under valgrind all takes its time."""

    patience = 60


def counted(file):
    """The instructions in callgrind's file, by object. https://valgrind.org/docs/manual/cl-format.html"""
    names, counts, current, is_call = {}, {}, "", False
    for line in open(file):
        if named := re.match(r"(c?)ob=(\(\d+\)) ?(.*)", line):
            # A number is given its name where it first stands, also as that of a called object.
            is_called, number, name = named.groups()
            names.setdefault(number, os.path.basename(name))
            current = current if is_called else names[number]
        elif line.startswith("calls="):
            is_call = True
        elif line[0] in "0123456789+-*":
            # Behind `calls=` stands what was called, which is counted where it is.
            if not is_call:
                counts[current] = counts.get(current, 0) + int(line.split()[1])
            is_call = False
    return counts


class Requests:
    """What is asked, in turn, of a daemon; each kind as often as `times` says."""

    def __init__(self, rig):
        # Made by a daemon that runs free: only what follows is counted.
        with rig.daemon("state") as daemon:
            file, _, _ = verify_requests(rig, daemon)
        self.verify = [line.split(b"\t", 1) for line in open(file, "rb").read().splitlines()]
        self.authorize = [
            (expected, request.replace(b"VERIFY", b"AUTHORIZE").replace(b"}", b',"roles":["admin","user"]}'))
            for expected, request in self.verify
        ]

    def ask(self, client, times):
        for kind, lines in (("VERIFY", self.verify), ("AUTHORIZE", self.authorize)):
            for expected, request in lines[: times[kind]]:
                reply = client.line(request)
                if not reply.startswith(expected):
                    raise Failure(f"{kind} was answered with {reply[:300].decode(errors='replace')}")
        token = client.ask("LOGIN", username=tokens.USERNAME, password=tokens.PASSWORD)["refresh_token"]
        for _ in range(times["REFRESH"]):
            token = client.ask("REFRESH", refresh_token=token)["refresh_token"]


def run(rig, requests, times):
    """The instructions of a whole run of the daemon, by object."""
    out = rig.path("callgrind")
    command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", *rig.daemon_command("state")]
    # Swift seeds its hashes anew in each process, and dictionaries take more or fewer steps then.
    environment = rig.environment | {"SWIFT_DETERMINISTIC_HASHING": "1"}
    server = SlowServer("usherd", command, rig.path("state.sock"), {rig.server_cpu}, rig.path("state.log"), environment)
    with server as daemon, daemon.client() as client:
        requests.ask(client, times)
    return {name: count for name, count in counted(out).items() if NOT_COUNTED not in name}


def per_request(rig, requests):
    base = run(rig, requests, FEW)
    measured = {}
    for kind, few in FEW.items():
        counts = run(rig, requests, FEW | {kind: TIMES * few})
        each = {name: round((count - base.get(name, 0)) / (few * (TIMES - 1))) for name, count in counts.items()}
        measured[kind] = {name: count for name, count in sorted(each.items()) if count > 0}
    return measured


def stripped(usherd, folder):
    """valgrind 3.19 cannot read the debugging information of Swift 6."""
    copy = os.path.join(folder, "usherd")
    subprocess.run(["strip", "-g", "-o", copy, usherd], check=True)
    return copy


def compare(measured, allowed):
    """Tells each kind; returns whether none has grown too much."""
    fine = True
    for kind in FEW:
        now, before = sum(measured[kind].values()), sum(allowed[kind].values())
        grown = now > before * GROWTH
        fine = fine and not grown
        print(f"{kind}: {now:,} instructions a request, {before:,} before ({now / before - 1:+.1%}){'  TOO MANY' if grown else ''}")
        if grown:
            for name in sorted(measured[kind].keys() | allowed[kind].keys()):
                print(f"    {name}: {measured[kind].get(name, 0):,}, before {allowed[kind].get(name, 0):,}")
    return fine


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--usherd", required=True, metavar="PATH", help="the daemon's release binary")
    parser.add_argument("--accept", action="store_true", help="what is measured now is what may be, and 3 % more")
    given = parser.parse_args()
    for tool in ("valgrind", "strip"):
        if shutil.which(tool) is None:
            print(f"instructions: skipped, there is no {tool}")
            return 0
    with Rig(os.path.abspath(given.usherd), "/var/tmp", 1, 1) as rig:
        rig.usherd = stripped(rig.usherd, rig.folder)
        measured = per_request(rig, Requests(rig))
    if given.accept:
        with open(ALLOWED, "w") as file:
            json.dump(measured, file, indent=1)
            file.write("\n")
        return 0
    if compare(measured, json.load(open(ALLOWED))):
        return 0
    print(f"A request may take {GROWTH - 1:.0%} more than {os.path.relpath(ALLOWED)} says; Benchmarks/README.md tells how to change that.")
    return 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Failure as failure:
        print(f"instructions: {failure}", file=sys.stderr)
        sys.exit(1)
