#!/usr/bin/env python3
"""Measures usherd beside a C echo server, in one run. README.md tells how to read the figures."""

import argparse
import json
import os
import signal
import sys

sys.dont_write_bytecode = True

import growth
import machine
import measures
import plot
import report
from rig import Rig
from servers import Failure, WrongReply

# In this order: the later ones find the state folder that the first one has filled.
MEASURES = {
    "verify": measures.verify, "apps": measures.apps, "refresh": measures.refresh, "login": measures.login,
    "revocations": growth.revocations, "stock": growth.stock, "connections": growth.connections, "start": measures.start,
    "idle": measures.idle, "binary": measures.binary,
}


def options():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--usherd", required=True, metavar="PATH", help="the daemon's binary")
    parser.add_argument("--seconds", type=float, default=2, metavar="N", help="how long each load is measured (2)")
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="how often each load is measured (5)")
    parser.add_argument("--json", metavar="FILE", help="where every figure of every round is written too")
    parser.add_argument("--svg", metavar="FILE", help="where the goals and how far they are met are drawn")
    parser.add_argument("--only", metavar="NAMES", help=f"some of {','.join(MEASURES)} (all)")
    parser.add_argument("--python", default=measures.SYSTEM_PYTHON, metavar="PATH", help="an app's Python, with its PyJWT (%(default)s)")
    parser.add_argument("--folder", default="/var/tmp", metavar="DIR", help="where its temporary folder is: a disk (/var/tmp)")
    given = parser.parse_args()
    given.only = given.only.split(",") if given.only else list(MEASURES)
    unknown = set(given.only) - set(MEASURES)
    if unknown:
        parser.error(f"--only: unknown: {', '.join(sorted(unknown))}")
    if given.rounds < 1 or given.seconds <= 0:
        parser.error("--rounds and --seconds must be positive")
    given.usherd, given.python = os.path.abspath(given.usherd), os.path.abspath(given.python)
    if not os.access(given.usherd, os.X_OK):
        parser.error(f"{given.usherd} is no program: build it first")
    return given


def measured(given):
    with Rig(given.usherd, given.folder, given.rounds, given.seconds, given.python) as rig:
        run = {
            "machine": machine.description(), "server_cpu": rig.server_cpu, "load_cpu": rig.load_cpu,
            "rounds": given.rounds, "seconds": given.seconds, "figures": {},
        }
        for name, measure in MEASURES.items():
            if name in given.only:
                run["figures"][name] = measure(rig)
        return run


def main():
    """Exit status: 0, 1 when something could not be measured, 2 when a reply was wrong. Never because of a figure."""
    for end in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(end, lambda number, _: sys.exit(128 + number))
    given = options()
    try:
        run = measured(given)
    except WrongReply as failure:
        print(f"bench: wrong reply: {failure}", file=sys.stderr)
        return 2
    except Failure as failure:
        print(f"bench: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    if given.json:
        with open(given.json, "w") as file:
            json.dump(run, file, indent=1)
            file.write("\n")
    if given.svg:
        with open(given.svg, "w") as file:
            file.writelines(f"{line}\n" for line in plot.svg(run))
    print(report.text(run))
    return 0


if __name__ == "__main__":
    sys.exit(main())
