"""The same names for the same things. (Those of operations are in the table of `clients/contract`, which all clients run.)"""

import json
import os
import re
import shutil
import subprocess

import pytest
from conftest import ROOT

EXCEPTIONS = ["Denied", "RetryLater", "ConnectionLost", "Misuse"]
VISITOR = [
    "require", "optional", "login", "register", "finish_login", "logout", "remember", "forget", "claims", "access_token", "end_user"]
GUARDS = ["authenticate", "optional_auth", "require_roles", "require_permission"]
# Each says which names it has not.
SCRIPTS = {
    "python": """
import asyncio, usher.web
async def visitors():
    return [usher.web.Visitor(None, None, usher.web.Cookies(), "", None, None), usher.web.AsyncVisitor(None, None, usher.web.Cookies(), "", None, None)]
for visitor in asyncio.run(visitors()):
    print(*(name for name in VISITOR if not hasattr(visitor, name)))
print(*(name for name in EXCEPTIONS if not hasattr(usher, name)), *(name for name in GUARDS if not hasattr(usher.web, name)))""",
    "php": """<?php
require 'ROOT/clients/php/src/autoload.php';
require 'ROOT/clients/php/tests/psr15_interfaces.php';
foreach (VISITOR as $name) echo method_exists('Usher\\\\Visitor', $name) || property_exists('Usher\\\\Visitor', $name) ? '' : $name;
foreach (EXCEPTIONS as $name) echo class_exists("Usher\\\\$name") ? '' : $name;
foreach (GUARDS as $name) echo method_exists('Usher\\\\Psr15', $name) ? '' : $name;""",
    "ruby": """
require "usher/rack"
print((VISITOR + GUARDS).reject { Usher::Visitor.method_defined?(_1) }.join(" "))
print(GUARDS.reject { Usher::Helpers.method_defined?(_1) }.join(" "))
print(EXCEPTIONS.reject { Usher.const_defined?(_1) }.join(" "))""",
    "node": """
import * as usher from "usher-client";
import { usherAuth } from "usher-client/express";
const auth = usherAuth(new usher.Client()), req = { headers: {}, socket: {} };
auth(req, {}, () => {});
const missing = [VISITOR.filter((name) => !(name in req.usher)), GUARDS.filter((name) => !(name in auth)), EXCEPTIONS.filter((name) => !(name in usher))];
process.stdout.write(missing.flat().join(" "));""",
}


def missing(language, folder, names):
    program = {"python": "/usr/bin/python3"}.get(language, language)
    if not shutil.which(program):
        pytest.skip(f"there is no {program}")
    code = SCRIPTS[language].replace("ROOT", str(ROOT))
    for kind, words in names.items():
        if language in ("php", "node"):
            words = [re.sub("_(.)", lambda found: found[1].upper(), word) for word in words]
        code = code.replace(kind, json.dumps(words))
    script = folder / f"names{'.mjs' if language == 'node' else ''}"
    script.write_text(code)
    (folder / "node_modules").mkdir()
    (folder / "node_modules/usher-client").symlink_to(ROOT / "clients/node")
    done = subprocess.run(
        [program, script], capture_output=True, text=True, timeout=60,
        env={"PYTHONPATH": str(ROOT / "clients/python"), "RUBYLIB": str(ROOT / "clients/ruby/lib"), "PATH": os.environ["PATH"], "LANG": "C.UTF-8"})
    assert (done.returncode, done.stderr) == (0, ""), done.stderr + done.stdout
    return done.stdout.split()


@pytest.mark.parametrize("language", SCRIPTS)
def test_names(language, tmp_path):
    (tmp_path / "all").mkdir()
    assert missing(language, tmp_path / "all", {"EXCEPTIONS": EXCEPTIONS, "VISITOR": VISITOR, "GUARDS": GUARDS}) == []
    (tmp_path / "none").mkdir()
    assert missing(language, tmp_path / "none", {"EXCEPTIONS": ["Dance"], "VISITOR": [], "GUARDS": []}) == ["Dance"]
