"""The types that the clients in Ruby (RBS) and Node (.d.ts) come with: by the tools of these languages, and against what really happens."""

import os
import re
import shutil
import subprocess

import pytest
from conftest import ROOT
from Tests.System.guards import USHERD

RUBY, NODE = ROOT / "clients/ruby", ROOT / "clients/node"
TSC = ["tsc", "--noEmit", "--strict", "--noUnusedLocals", "--module", "node16", "--moduleResolution", "node16", "--target", "es2022", "--lib", "es2022,dom"]


def run(*command, **environment):
    done = subprocess.run(
        list(map(str, command)), env={**os.environ, **environment}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=100)
    return done.returncode, done.stdout


@pytest.fixture
def rbs():
    code, program = run("ruby", "-e", 'print Gem.bin_path("rbs", "rbs")') if shutil.which("ruby") else (1, "")
    if code:
        pytest.skip("there is no rbs")
    return program


def test_signatures_make_sense(rbs, tmp_path):
    assert run("ruby", rbs, "-I", RUBY / "sig", "validate")[0] == 0
    sig = (RUBY / "sig/usher.rbs").read_text()
    (tmp_path / "usher.rbs").write_text(sig.replace("-> reply", "-> replie", 1))
    assert run("ruby", rbs, "-I", tmp_path, "validate")[0] != 0


def test_signatures_name_every_public_method(rbs):
    assert run("ruby", RUBY / "test/signatures.rb") == (0, "")


@pytest.mark.parametrize("tests", ["client_test.rb", "middleware_test.rb"])
def test_signatures_hold_for_what_is_called(rbs, tests):
    watched = {"RUBYOPT": "-rrbs/test/setup", "RBS_TEST_TARGET": "Usher::*", "RBS_TEST_OPT": f"-I {RUBY}/sig", "RBS_TEST_RAISE": "true", "RBS_TEST_LOGLEVEL": "error"}
    code, output = run("ruby", RUBY / "test" / tests, USHERD=str(USHERD), **watched)
    assert code == 0, output


@pytest.fixture
def typescript(tmp_path):
    """Compiles a file of clients/node/test/types, as an app would that has the client among its modules."""
    if not shutil.which("tsc"):
        pytest.skip("there is no tsc")
    (tmp_path / "node_modules").mkdir()
    (tmp_path / "node_modules/usher-client").symlink_to(NODE)

    def compile(name):
        shutil.copy(NODE / "test/types" / name, tmp_path)
        return run("sh", "-c", 'cd "$0" && exec "$@"', tmp_path, *TSC, name)

    return compile


def test_types_allow_what_is_right(typescript):
    assert typescript("right.mts") == (0, "")


def test_types_refuse_what_is_wrong(typescript):
    lines = (NODE / "test/types/wrong.mts").read_text().splitlines()
    wrong = {number for number, line in enumerate(lines, 1) if line.endswith("// wrong")}
    code, output = typescript("wrong.mts")
    refused = {int(number) for number in re.findall(r"^wrong\.mts\((\d+),", output, re.M)}
    assert code != 0 and refused == wrong, output
