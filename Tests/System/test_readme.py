"""Runs what README.md shows: the login from three languages, and its table of settings against what the daemon says of itself."""

import re
import shutil
import subprocess

import pytest

from .connection import assert_ok
from .daemon import ROOT

README = (ROOT / "README.md").read_text()
SOCKET = "/run/usher/usher.sock"


def block(language):
    (code,) = [code for code in re.findall(rf"```{language}\n(.*?)```", README, re.S) if SOCKET in code]
    assert SOCKET in code
    assert len(code.strip().splitlines()) <= 10
    return code


@pytest.fixture
def daemon(make):
    daemon = make().start()
    with daemon.connect() as connection:
        assert_ok(connection.ask({"op": "REGISTER", "username": "ada", "email": "ada@example.org", "password": "correct horse"}), "user",
                  "access_token", "refresh_token", "token_type", "expires_in", "refresh_expires_in")
    return daemon


def run(program, code, daemon, folder):
    if not shutil.which(program):
        pytest.skip(f"there is no {program} here")
    script = folder / "script"
    script.write_text(code.replace(SOCKET, str(daemon.socket)))
    done = subprocess.run([program, script], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_php(daemon, folder):
    for password, printed in (("correct horse", "ada"), ("wrong horse", "The name or the password is wrong.")):
        visitor = f"<?php\n$_POST = ['login' => 'ada', 'password' => '{password}'];\n"
        assert run("php", visitor + block("php") + "\necho $claims['username'];\n", daemon, folder) == printed


def test_python(daemon, folder):
    assert "'username': 'ada'" in run("/usr/bin/python3", block("python"), daemon, folder)
    assert run("/usr/bin/python3", block("python").replace("correct", "wrong"), daemon, folder).startswith("401 ")


def test_ruby(daemon, folder):
    assert '"username"=>"ada"' in run("ruby", block("ruby"), daemon, folder)


def test_the_table_of_settings(make):
    """Every setting with its default, and none that is not there."""
    told = subprocess.run([make().command()[0], "--check-config"], capture_output=True, text=True, check=True, env={}).stdout
    table, actual = None, {}
    for line in told.splitlines():
        if line.startswith("["):
            table = line.strip("[]")
        elif line:
            key, value = line.split(" = ", 1)
            actual[f"[{table}] {key}"] = value
    shown = dict(re.findall(r"^\| `(\[\w+\] \w+)` \| (?:`(.*?)`)?", README, re.M))
    unset = {"[password] breached_list", "[socket] listen", "[socket] admin_listen", "[server] state"}
    assert shown.keys() - unset == actual.keys()
    assert {key: value for key, value in shown.items() if key not in unset} == actual
