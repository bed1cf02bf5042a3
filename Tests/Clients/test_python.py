"""What is Python's alone: two clients that are alike, and tasks that share a connection."""

import asyncio
import inspect
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
import run
import usher
from conftest import ROOT

METHODS = json.loads(run.TABLE.read_text())["methods"]


def test_type_hints(tmp_path):
    """Those of the package, and that an app which uses it gets them."""
    pytest.importorskip("mypy")
    (tmp_path / "app.py").write_text(
        "from usher import AsyncClient, Client\nfrom usher.web import authenticate\n\n"
        "name: str = Client().login('ada', 1)\n\n\nasync def f() -> int:\n    return await AsyncClient().revoke('t', scope=None)\n")
    package = str(ROOT / "clients/python")
    checked = [
        subprocess.run(
            [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(tmp_path / "cache"), file], env={**os.environ, "MYPYPATH": package}, cwd=package,
            stdout=subprocess.PIPE, text=True)
        for file in ("usher", str(tmp_path / "app.py"))
    ]
    assert checked[0].returncode == 0, checked[0].stdout
    assert checked[1].stdout.count("error:") == 2 and "[assignment]" in checked[1].stdout and "[arg-type]" in checked[1].stdout, checked[1].stdout


@pytest.mark.parametrize("client", [usher.Client, usher.AsyncClient])
def test_methods_are_those_of_the_table(client):
    for name, method in METHODS.items():
        parameters = list(inspect.signature(getattr(client, name)).parameters)[1:]
        assert parameters[: len(method["args"])] == method["args"], name
        assert set(parameters) == {*method["args"], *method["options"]}, name


def test_a_time_out_of_one_task_leaves_the_others_their_replies(faulty):
    faulty.play([["read", "read", {"wait": 0.5}, "answer"]])

    async def scenario():
        client = usher.AsyncClient(faulty.path, timeout=5)
        impatient = asyncio.create_task(client.verify("token-of-ada"))
        await asyncio.sleep(0.1)
        patient = asyncio.create_task(client.verify("token-of-bob"))
        await asyncio.sleep(0.1)
        impatient.cancel()
        await asyncio.sleep(0)
        # The connection that has an unanswered request takes no other.
        assert (await client.verify("token-of-cleo"))["sub"] == "token-of-cleo"
        assert not patient.done()
        assert (await patient)["sub"] == "token-of-bob"
        await client.close()

    asyncio.run(scenario())
    assert faulty.seen()["connections"] == 2


def test_a_client_may_outlive_its_event_loop(faulty):
    client = usher.AsyncClient(faulty.path)
    for _ in range(2):
        assert asyncio.run(client.ping())["protocol"] == 1
    assert faulty.seen()["connections"] == 2


def test_connections_are_as_many_as_threads_at_a_time(faulty):
    client = usher.Client(faulty.path)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda number: client.verify(f"token-{number}")["sub"], range(400)))
    assert found == [f"token-{number}" for number in range(400)]
    assert faulty.seen()["connections"] <= 8
