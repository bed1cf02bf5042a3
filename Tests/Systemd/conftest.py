import signal

import pytest

from System.guards import time_limit, usherd

from .machine import lacking
from .usher import UsherMachine

limit = time_limit(300)


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
