"""The table of clients/contract, run by the clients of all languages."""

import json

import pytest
import run

CASES = [case["name"] for case in json.loads(run.TABLE.read_text())["cases"]]
RUNNERS = [*run.LANGUAGES, "python --async"]
_results = {}


def results(runner):
    if runner not in _results:
        language, *options = runner.split()
        command, lacks = run.command(language)
        _results[runner] = lacks or run.run([*command, *options])
    return _results[runner]


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("runner", RUNNERS)
def test_contract(runner, case):
    found = results(runner)
    if isinstance(found, str):
        pytest.skip(found)
    if "skip" in found[case]:
        pytest.skip(found[case]["skip"])
    assert found[case]["ok"], f"step {found[case].get('step')}: {found[case]['why']}"
