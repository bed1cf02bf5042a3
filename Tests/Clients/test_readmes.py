"""What the READMEs of the clients and README.md show: scripts are run, and parts of examples are in the examples, which are tested."""

import os
import re
import shutil
import subprocess

import pytest
from conftest import ROOT

PLACES = {
    "README.md": ROOT / "README.md",
    "python": ROOT / "clients/python/README.md",
    "php": ROOT / "clients/php/README.md",
    "ruby": ROOT / "clients/ruby/README.md",
    "js": ROOT / "clients/node/README.md",
}
BLOCKS = [
    (place, language, example, code)
    for place, file in PLACES.items()
    for language, example, code in re.findall(r"```(python|php|ruby|js) ?([\w.]*)\n(.*?)```", file.read_text(), re.S)
]
INTERPRETERS = {"python": "/usr/bin/python3", "php": "php", "ruby": "ruby", "js": "node"}
# (What protects routes is in the apps of each language's tests.)
SCRIPTS = [(place, language, code) for place, language, example, code in BLOCKS if "192.0.2.7" in code]
PARTS = [(language, example, code) for place, language, example, code in BLOCKS if example]


def test_there_are_some():
    assert {(place, language) for place, language, _ in SCRIPTS} == {
        (place, language) for language in INTERPRETERS for place in ("README.md", language)}
    assert {example for _, example, _ in PARTS} == {"flask_app.py", "django_app.py", "fastapi_app.py", "plain_app.php", "psr15_app.php"}


@pytest.mark.parametrize("password, printed", [("correct horse", "ada"), ("wrong horse", "401 The name or the password is wrong.")])
@pytest.mark.parametrize("place, language, code", SCRIPTS, ids=lambda value: value if len(value) < 20 else "")
def test_script(place, language, code, password, printed, daemon, tmp_path, admin):
    if not shutil.which(INTERPRETERS[language]):
        pytest.skip(f"there is no {INTERPRETERS[language]}")
    if not admin("USER_LIST", search="ada")["users"]:
        admin("USER_ADD", username="ada", email="ada@example.org", password="correct horse", permissions=["post:edit"])
    assert code.count("correct horse") == 1
    done = run_script(language, code.replace("correct horse", password), daemon, tmp_path)
    if re.search("puts|print|echo|console", code):
        assert (done.stdout.strip(), done.stderr) == (printed, "")
    elif printed == "ada":
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    else:
        assert done.returncode != 0 and "The name or the password is wrong." in done.stderr


def run_script(language, code, daemon, folder):
    """Runs it as an app would that has the client."""
    script = folder / ("script.mjs" if language == "js" else "script")
    code = re.sub(r"\bClient(\(\)|\.new\b)", lambda call: f"Client{call[1].rstrip('()')}('{daemon.socket}')", code)
    if language == "php":
        code = f"<?php\nrequire '{ROOT}/clients/php/src/autoload.php';\n{code}"
    script.write_text(code)
    (folder / "node_modules").mkdir()
    (folder / "node_modules/usher-client").symlink_to(ROOT / "clients/node")
    return subprocess.run(
        [INTERPRETERS[language], script], capture_output=True, text=True, timeout=60,
        env={"PYTHONPATH": str(ROOT / "clients/python"), "RUBYLIB": str(ROOT / "clients/ruby/lib"), "PATH": os.environ["PATH"], "LANG": "C.UTF-8"})


@pytest.mark.parametrize("language, example, code", PARTS, ids=[example for _, example, _ in PARTS])
def test_part(language, example, code):
    lines = {line.strip() for line in (ROOT / "clients" / language / "examples" / example).read_text().splitlines()}
    assert {line.strip() for line in code.splitlines() if line.strip()} <= lines
