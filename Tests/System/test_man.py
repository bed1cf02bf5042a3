"""The manual pages against what the programs say of themselves."""

import json
import re
import shutil
import subprocess

import pytest

from .daemon import ROOT, USHERD
from .usherctl import USHERCTL

PAGES = {name: ROOT / "man" / name for name in ("usherd.8", "usherctl.8", "usher.toml.5")}


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


def test_every_command_of_usherctl():
    """Each with its arguments and options, in order, and none that is not there."""
    tree = json.loads(subprocess.run([USHERCTL, "--experimental-dump-help"], capture_output=True, text=True, check=True).stdout)
    common, actual = {"socket", "json", "timeout", "help", "version"}, {}

    def walk(command, path):
        if inner := command.get("subcommands"):
            for one in inner:
                walk(one, [*path, one["commandName"]])
        elif path[0] != "help":
            arguments = command.get("arguments", [])
            options = [one["preferredName"]["name"] for one in arguments if one["kind"] != "positional"]
            asks = {"socket", "json", "timeout"} <= set(options)
            names = [f"[{one['valueName']}]" if one["isOptional"] else one["valueName"] for one in arguments if one["kind"] == "positional"]
            actual[" ".join(path)] = names, [one for one in options if one not in (common if asks else {"help", "version"})]

    walk(tree["command"], [])
    command, shown, told = None, {}, set()
    for line in PAGES["usherctl.8"].read_text().splitlines():
        if line.startswith(".It Cm "):
            names, arguments = re.fullmatch(r"\.It Cm ([\w ]+?)((?: (?:Op )?Ar \w+)*(?: \.\.\.)?)", line).groups()
            command = names
            shown[command] = [f"[{name}]" if op else name for op, name in re.findall(r"(Op )?Ar (\w+)", arguments)], []
        elif option := re.match(r"\.It Fl -([\w-]+)", line):
            (shown[command][1].append if command else told.add)(option.group(1))
    assert shown == actual and told == common


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
