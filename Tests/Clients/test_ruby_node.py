"""The tests that clients in Ruby and Node bring along, in their own languages."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("language", ["ruby", "node"])
def test_its_own(language):
    if not shutil.which(language):
        pytest.skip(f"there is no {language}")
    usherd = Path(os.environ.get("USHERD", ROOT / ".build/release/usherd")).absolute()
    done = subprocess.run(
        [ROOT / "clients" / language / "test/run"], env={**os.environ, "USHERD": str(usherd)}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, timeout=100,
    )
    assert done.returncode == 0, done.stdout
