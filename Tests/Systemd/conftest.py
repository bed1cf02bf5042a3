import os
import signal

import pytest

from .machine import lacking
from .usher import USHERD, UsherMachine

# A test that takes longer than this hangs.
LIMIT_SECONDS = 300


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


@pytest.fixture(scope="session")
def systemd():
    """That a machine can be started here at all."""
    if reason := lacking():
        pytest.skip(f"a systemd of our own {reason}")
    # Who is asked to end puts away what it has made first, as with Ctrl-C.
    signal.signal(signal.SIGTERM, lambda *_: pytest.exit("ended by SIGTERM", returncode=143))


@pytest.fixture(scope="module")
def machine(systemd):
    """A machine with Usher on it, which the tests of a module share."""
    with UsherMachine() as machine:
        yield machine
