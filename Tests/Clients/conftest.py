import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "clients/contract"), str(ROOT / "clients/python"), str(Path(__file__).parent)]

from Tests.System.daemon import CHEAP, USHERD, Daemon, merged  # noqa: E402

# A test that takes longer than this hangs.
LIMIT_SECONDS = 120


@pytest.fixture(scope="session", autouse=True)
def usherd():
    if not os.access(USHERD, os.X_OK):
        pytest.exit(f"There is no daemon at {USHERD}: run `make build`, or name one in USHERD.", returncode=2)


@pytest.fixture(autouse=True)
def limit():
    def hung(*_):
        raise TimeoutError(f"the test ran for {LIMIT_SECONDS} s")

    before = signal.signal(signal.SIGALRM, hung)
    signal.alarm(LIMIT_SECONDS)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


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
def admin(daemon):
    """Asks the admin socket."""

    def ask(op, **members):
        with daemon.connect(admin=True) as connection:
            reply = connection.ask({"op": op, **members})
        assert reply["ok"], reply
        return reply

    return ask
