"""`make install`, into the machine itself, and what it says to run next."""

import os
import re
import subprocess

import pytest

from System.connection import assert_ok

from .machine import REPOSITORY, Machine
from .usher import USHERCTL, USHERD, UsherMachine


def make(*words):
    return subprocess.run(["make", "--no-print-directory", *words], cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout


def files(folder):
    return {os.path.relpath(os.path.join(at, name), folder) for at, _, names in os.walk(folder) for name in names}


def test_what_it_says_to_run_next_is_all_it_takes(systemd):
    with Machine() as machine:
        machine.copy(USHERD, "/root/usherd", mode="0755")
        machine.copy(USHERCTL, "/root/usherctl", mode="0755")
        said = machine.run("make", "--directory=/srv/usher", "install", "USHERD=/root/usherd", "USHERCTL=/root/usherctl").stdout
        for command in re.findall(r"^    (.*?)(?: +#.*)?$", said.split("Now, as root:")[1], re.M):
            machine.run("sh", "-c", command)
        assert machine.show("usher.service", "FragmentPath") == "/usr/local/lib/systemd/system/usher.service"
        with UsherMachine.connect(machine) as connection:
            assert_ok(connection.ask("PING"), "server", "version", "protocol")
        assert machine.run("readlink", f"/proc/{machine.show('usher.service', 'MainPID')}/exe").stdout.strip() == "/usr/local/sbin/usherd"
        assert machine.run("systemd-analyze", "verify", "usher.service", "usher@shop.service").stderr == ""
        machine.run("man", "--where", "usherd")
        machine.run("man", "--where", "usherctl")
        assert machine.run("usherctl", "user", "export").stdout == ""


@pytest.mark.parametrize("prefix", ["/usr", "/opt/usher"])
def test_uninstall_takes_all_away_but_settings(tmp_path, prefix):
    to = [f"DESTDIR={tmp_path}", f"PREFIX={prefix}"]
    programs = [f"USHERD={USHERD}", f"USHERCTL={USHERCTL}"]
    make("install", *to, *programs)
    installed = files(tmp_path)
    assert {f"{prefix[1:]}/sbin/{name}" for name in ("usherd", "usherctl")} <= installed
    assert len([name for name in installed if "completions" in name or "zsh" in name]) == 3
    assert f"ExecStart={prefix}/sbin/usherd " in (tmp_path / f"{prefix[1:]}/lib/systemd/system/usher.service").read_text()
    assert not [name for name in installed if str(tmp_path).encode() in (tmp_path / name).read_bytes()], "DESTDIR is in no file"
    settings = tmp_path / "etc/usher/usher.toml"
    settings.write_text("# the operator's\n")
    make("install", *to, *programs)
    assert settings.read_text() == "# the operator's\n"
    make("uninstall", *to)
    assert files(tmp_path) == {"etc/usher/usher.toml"}
