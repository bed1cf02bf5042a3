"""The manual pages against what the daemon says of itself."""

import re
import shutil
import subprocess

import pytest

from .daemon import ROOT, USHERD

PAGES = {name: ROOT / "man" / name for name in ("usherd.8", "usher.toml.5")}


def told(*args):
    return subprocess.run([USHERD, *args], capture_output=True, text=True, check=True, env={}).stdout


@pytest.mark.parametrize("page", PAGES)
def test_a_page_is_well_formed(page):
    if not shutil.which("mandoc"):
        pytest.skip("there is no mandoc here")
    done = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", PAGES[page]], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")


def test_every_option():
    options = set(re.findall(r"(?<![\w-])--([\w-]+)", told("--help")))
    shown = re.findall(r"^\.It Fl -([\w-]+)", PAGES["usherd.8"].read_text(), re.M)
    assert len(options) > 3 and sorted(shown) == sorted(options)


def test_every_setting():
    """Each with its default, in the section of its table, and none that is not there."""
    table, actual = None, {}
    for line in told("--check-config").splitlines():
        if line.startswith("["):
            table = line.strip("[]")
        elif line:
            key, value = line.split(" = ", 1)
            actual[f"{table}.{key}"] = value
    section, shown = None, {}
    for line in PAGES["usher.toml.5"].read_text().splitlines():
        if line.startswith(".S"):
            section = line.split(" ", 1)[1]
        elif setting := re.fullmatch(r"\.It Ic (\w+) No (?:= Li (.*)|\(not set\))", line):
            key, value = setting.groups()
            shown[f"{section}.{key}"] = value and value.replace(r"\(dq", '"')
    unset = {"password.breached_list": None, "socket.listen": None, "socket.admin_listen": None, "server.state": None}
    assert shown == {**actual, **unset}
