#!/usr/bin/python3
"""Runs the cases of cases.json with the runner of a language, against a real daemon and one that plays tricks. Prints TAP.

    run.py [--case NAME] LANGUAGE | -- COMMAND...
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
CLIENTS, ROOT = HERE.parent, HERE.parents[1]
sys.path[:0] = [str(ROOT), str(HERE)]
from faulty import Faulty  # noqa: E402
from Tests.System.daemon import CHEAP, Daemon, merged  # noqa: E402
from Tests.System.totp import Authenticator  # noqa: E402

TABLE = HERE / "cases.json"
LANGUAGES = {
    "python": ["/usr/bin/python3", "python/tests/contract.py"],
    "php": ["php", "php/tests/contract.php"],
    "ruby": ["ruby", "ruby/test/contract.rb"],
    "node": ["node", "node/test/contract.mjs"],
}

# A runner that takes longer, in seconds, hangs.
LIMIT = 90


def command(language):
    """How to run a language's runner; None and a word where that cannot be."""
    interpreter, runner = LANGUAGES[language]
    if not shutil.which(interpreter):
        return None, f"there is no {interpreter}"
    if not (CLIENTS / runner).exists():
        return None, f"there is no clients/{runner}"
    return [interpreter, str(CLIENTS / runner)], None


class Driver:
    """Does what the steps called `driver` ask for."""

    def __init__(self, folder):
        self.daemon = Daemon(folder / "d", merged(CHEAP, {"account": {"profile_claims": ["colour"]}}), admin=True)
        self.faulty = Faulty(folder / "faulty.sock")
        # The file at the other end comes and goes with the daemon.
        (folder / "daemon.sock").symlink_to(self.daemon.socket)
        self.authenticators = {}

    def __enter__(self):
        self.daemon.start()
        return self

    def __exit__(self, *_):
        self.daemon.kill9()
        self.faulty.close()

    def answer(self, step):
        match step:
            case {"driver": "admin", "request": request}:
                with self.daemon.connect(admin=True) as connection:
                    return connection.ask(request)
            case {"driver": "code", "secret": secret}:
                return {"code": self.authenticators.setdefault(secret, Authenticator(secret)).next()}
            case {"driver": "long", "bytes": count}:
                return {"text": "x" * count}
            case {"driver": "sleep", "seconds": seconds}:
                time.sleep(seconds)
            case {"driver": "restart"}:
                self.daemon.restart()
            case {"driver": "crash"}:
                self.daemon.crash_and_restart()
            case {"driver": "play", "connections": scripts}:
                self.faulty.play(scripts)
            case {"driver": "seen"}:
                return self.faulty.seen()
            case _:
                return {"error": f"there is no such word: {step}"}
        return {}


def run(command, case=None):
    """Runs all cases, or one: a dict of each case's name to what its runner said of it."""
    names = [entry["name"] for entry in json.loads(TABLE.read_text())["cases"] if case in (None, entry["name"])]
    if len(set(names)) != len(names) or not names:
        raise ValueError("no such case, or one twice")
    folder = Path(tempfile.mkdtemp(prefix="ush", dir="/tmp"))
    try:
        with Driver(folder) as driver:
            arguments = [str(TABLE), str(folder), *([case] if case else [])]
            with subprocess.Popen([*command, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8") as runner:
                limit = threading.Timer(LIMIT, runner.kill)
                limit.start()
                try:
                    results = converse(runner, driver)
                finally:
                    limit.cancel()
                    runner.stdin.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return {name: results.get(name, {"ok": False, "why": "the runner ended before"}) for name in names}


def converse(runner, driver):
    results = {}
    for line in runner.stdout:
        said = json.loads(line)
        if "case" in said:
            results[said["case"]] = said
            continue
        try:
            reply = driver.answer(said)
        except AssertionError as error:
            reply = {"error": str(error)}
        runner.stdin.write(json.dumps(reply) + "\n")
        runner.stdin.flush()
    return results


def main():
    parser = argparse.ArgumentParser(description="Runs the contract tests of a client.")
    parser.add_argument("--case", help="the name of the only case to run")
    parser.add_argument("runner", nargs="+", help=f"{', '.join(LANGUAGES)}, or a command")
    arguments = parser.parse_args()
    chosen, lacks = arguments.runner, None
    if len(chosen) == 1 and chosen[0] in LANGUAGES:
        chosen, lacks = command(chosen[0])
    if lacks:
        print(f"1..0 # SKIP {lacks}")
        return
    results = run(chosen, arguments.case)
    print(f"1..{len(results)}")
    for number, (name, result) in enumerate(results.items(), 1):
        if "skip" in result:
            print(f"ok {number} - {name} # SKIP {result['skip']}")
        elif result["ok"]:
            print(f"ok {number} - {name}")
        else:
            print(f"not ok {number} - {name}\n  # step {result.get('step')}: {result['why']}")
    sys.exit(any(not result.get("ok") and "skip" not in result for result in results.values()))


if __name__ == "__main__":
    main()
