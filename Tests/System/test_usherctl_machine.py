"""`usherctl calibrate` and `usherctl doctor`, which look at the machine."""

import json
import os
import shutil
import tomllib

import pytest

from .daemon import USHERD
from .usherctl import OK, REFUSED, USAGE, run


def test_a_cost_within_the_target():
    done = run("calibrate", "--target", "300ms", "--memory", "8M")
    assert done.returncode == OK
    chosen = tomllib.loads("[password]" + done.stdout.split("[password]")[1].split("\n\n")[0])["password"]
    table = {(scheme, int(cost)): float(time) for scheme, cost, time, _, _, _ in map(str.split, done.stdout.split("\n\n")[0].splitlines()[1:])}
    assert table[chosen["scheme"], chosen["cost"]] <= 300
    # With 8 MiB yescrypt goes up to cost 4, and no further: that is less than bcrypt is worth.
    assert ("yescrypt", 4) in table and ("yescrypt", 5) not in table and chosen["scheme"] == "bcrypt"


def test_dearer_costs_take_longer():
    report = json.loads(run("calibrate", "--json", "--target", "100ms", "--memory", "64M").stdout)
    times = {(one["scheme"], one["cost"]): one["microseconds"] for one in report["measured"]}
    assert times["bcrypt", 8] > 2 * times["bcrypt", 5]
    assert report["recommended"]["scheme"] in ("bcrypt", "yescrypt") and report["recommended"]["microseconds"] <= 100_000
    assert max(one["bytes"] for one in report["measured"]) <= 64 << 20


def test_what_no_machine_can_do():
    done = run("calibrate", "--target", "1ms", "--memory", "1K")
    assert done.returncode == REFUSED and "No cost is within the target" in done.stderr
    for words in (["--target", "5"], ["--target", "0ms"], ["--memory", "64"], ["--memory", "-1M"]):
        assert run("calibrate", *words).returncode == USAGE


# doctor


@pytest.fixture
def daemon(make):
    return make(admin=True, secrets=False).start()


def examine(daemon, *words):
    """The findings about a daemon: those that are no problem, and those that are, each with what mends it."""
    places = ["--socket", daemon.admin, "--app-socket", daemon.socket, "--state", daemon.state, "--config", daemon.folder / "usher.toml", "--usherd", USHERD]
    done = run("doctor", "--json", *places, *words)
    report = json.loads(done.stdout)
    problems = {one["text"]: one["mend"] for one in report["findings"] if one["level"] == "problem"}
    assert done.returncode == (REFUSED if problems else OK) and report["problems"] == len(problems)
    return [one["text"] for one in report["findings"] if one["level"] != "problem"], problems


def test_a_healthy_daemon(daemon):
    found, problems = examine(daemon)
    assert problems == {}
    for word in ("apps' socket", "admin socket", "state folder", "closed to others: jwt-secret", "MiB free", "settings in", "clock", "answers", "may open"):
        assert [text for text in found if word in text], word
    places = ["--socket", daemon.admin, "--app-socket", daemon.socket, "--state", daemon.state, "--config", daemon.folder / "usher.toml", "--usherd", USHERD]
    done = run("doctor", *places)
    assert done.returncode == OK and done.stdout.endswith("\nNo problem was found.\n")


@pytest.mark.parametrize("name, mode, word, mend", [
    ("s", 0o666, "anybody on this machine may ask", "chmod o= "),
    ("a", 0o660, "others than its owner may open the admin socket", "chmod 0600 "),
    ("state", 0o755, "others may get into the state folder", "chmod 0700 "),
    ("state/jwt-secret", 0o640, "others may read", "chmod 0600 "),
    ("state/data-key", 0o604, "others may read", "chmod 0600 "),
    ("state/usher.db", 0o644, "others may read", "chmod 0600 "),
    ("usher.toml", 0o666, "others than its owner may write", "chmod go-w "),
])
def test_rights_that_are_too_wide(daemon, name, mode, word, mend):
    os.chmod(daemon.folder / name, mode)
    _, problems = examine(daemon)
    # The daemon's own check says the same of secrets.
    commands = [commands for text, commands in problems.items() if word in text][0]
    assert commands.startswith(mend) and str(daemon.folder / name) in commands
    # What it says mends it.
    os.system(commands.split(",")[0].split(";")[0])
    assert examine(daemon)[1] == {}


def test_settings_that_are_no_good(daemon):
    (daemon.folder / "usher.toml").write_text("[password]\ncost = 99\n")
    _, problems = examine(daemon)
    assert any("cost" in text and "reload" in mend for text, mend in problems.items())


def test_a_dictionary_that_is_not_there(daemon):
    (daemon.folder / "usher.toml").write_text('[password]\ndictionary = "/no/such/dictionary"\n')
    _, problems = examine(daemon)
    assert any("dictionary" in text and "cracklib-runtime" in text for text in problems)


def test_too_few_descriptors(make):
    daemon = make({"socket": {"max_connections": 500}}, admin=True, nofile=400).start()
    (daemon.folder / "usher.toml").write_text("[socket]\nmax_connections = 500\nmax_connections_per_uid = 400\n")
    _, problems = examine(daemon)
    assert any("may open 400 files" in text and "LimitNOFILE=" in mend for text, mend in problems.items())


def test_a_daemon_that_is_not_there(daemon):
    daemon.stop()
    _, problems = examine(daemon)
    assert any("does not answer" in text for text in problems)


def test_a_database_from_the_future(daemon):
    later = os.stat(daemon.state / "usher.db").st_mtime + 86_400
    os.utime(daemon.state / "usher.db", (later, later))
    _, problems = examine(daemon)
    assert any("the clock went back" in text for text in problems)


def test_no_program(daemon):
    _, problems = examine(daemon, "--usherd", "/no/such/usherd")
    assert any("there is no daemon /no/such/usherd" in text for text in problems)


def test_a_link_in_place_of_a_secret(daemon):
    secret, elsewhere = daemon.state / "jwt-secret", daemon.folder / "elsewhere"
    shutil.move(secret, elsewhere)
    secret.symlink_to(elsewhere)
    _, problems = examine(daemon)
    assert not any("jwt-secret" in text for text in problems), "the daemon takes it"
    elsewhere.chmod(0o644)
    _, problems = examine(daemon)
    assert any("others may read" in text and "jwt-secret" in text for text in problems)
    elsewhere.unlink()
    _, problems = examine(daemon)
    assert any("is a symbolic link to nothing" in text for text in problems)
    secret.unlink()
    secret.mkdir()
    _, problems = examine(daemon)
    assert any("is no plain file" in text for text in problems)
