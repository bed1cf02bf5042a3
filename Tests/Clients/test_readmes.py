"""What the READMEs of the clients and README.md show: scripts are run, and parts of examples are in the examples, which are tested."""

import re
import shutil
import subprocess

import pytest
from conftest import ROOT

PLACES = {
    "README.md": ROOT / "README.md",
    "python": ROOT / "clients/python/README.md",
    "php": ROOT / "clients/php/README.md",
}
BLOCKS = [
    (place, language, example, code)
    for place, file in PLACES.items()
    for language, example, code in re.findall(r"```(python|php) ?([\w.]*)\n(.*?)```", file.read_text(), re.S)
]
SCRIPTS = [(place, language, code) for place, language, example, code in BLOCKS if re.search(r"\bClient\(\)", code)]
PARTS = [(language, example, code) for place, language, example, code in BLOCKS if example]


def test_there_are_some():
    assert {(place, language) for place, language, _ in SCRIPTS} == {
        ("README.md", "python"), ("README.md", "php"), ("python", "python"), ("php", "php")}
    assert {example for _, example, _ in PARTS} == {"flask_app.py", "django_app.py", "fastapi_app.py", "plain_app.php", "psr15_app.php"}


@pytest.mark.parametrize("password, printed", [("correct horse", "ada"), ("wrong horse", "401 The name or the password is wrong.")])
@pytest.mark.parametrize("place, language, code", SCRIPTS, ids=lambda value: value if len(value) < 20 else "")
def test_script(place, language, code, password, printed, daemon, tmp_path, admin):
    interpreter = {"python": "/usr/bin/python3", "php": "php"}[language]
    if not shutil.which(interpreter):
        pytest.skip(f"there is no {interpreter}")
    if not admin("USER_LIST", search="ada")["users"]:
        admin("USER_ADD", username="ada", email="ada@example.org", password="correct horse")
    assert code.count("correct horse") == 1 and code.count("192.0.2.7") == 1
    code = code.replace("correct horse", password).replace("Client()", f"Client('{daemon.socket}')")
    if language == "php":
        code = f"<?php\nrequire '{ROOT}/clients/php/src/autoload.php';\n{code}"
    (tmp_path / "script").write_text(code)
    done = subprocess.run(
        [interpreter, tmp_path / "script"], capture_output=True, text=True, timeout=60, env={"PYTHONPATH": str(ROOT / "clients/python")})
    assert (done.stdout.strip(), done.stderr) == (printed, "")


@pytest.mark.parametrize("language, example, code", PARTS, ids=[example for _, example, _ in PARTS])
def test_part(language, example, code):
    lines = {line.strip() for line in (ROOT / "clients" / language / "examples" / example).read_text().splitlines()}
    assert {line.strip() for line in code.splitlines() if line.strip()} <= lines
