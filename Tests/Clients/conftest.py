import shutil
import sys
import tempfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "clients/contract"), str(ROOT / "clients/python"), str(Path(__file__).parent)]

from faulty import Faulty  # noqa: E402
from Tests.System.daemon import CHEAP, Daemon, merged  # noqa: E402
from Tests.System.guards import time_limit, usherd  # noqa: E402

limit = time_limit(120)


@pytest.fixture(scope="module")
def daemon():
    folder = Path(tempfile.mkdtemp(prefix="ush", dir="/tmp"))
    daemon = Daemon(folder / "d", merged(CHEAP, {"throttle": {"address_failures": 1000}}), admin=True)
    try:
        yield daemon.start()
    finally:
        daemon.kill9()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def faulty(tmp_path):
    faulty = Faulty(tmp_path / "s")
    faulty.path = str(tmp_path / "s")
    yield faulty
    faulty.close()


@pytest.fixture
def admin(daemon):
    """Asks the admin socket."""

    def ask(op, **members):
        with daemon.connect(admin=True) as connection:
            reply = connection.ask({"op": op, **members})
        assert reply["ok"], reply
        return reply

    return ask
