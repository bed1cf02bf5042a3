"""What keeps a run of tests from meaning nothing, or from never ending: for the conftest of each suite."""

import os
import signal

import pytest

from .daemon import USHERD


@pytest.fixture(scope="session", autouse=True)
def usherd():
    if not os.access(USHERD, os.X_OK):
        pytest.exit(f"There is no daemon at {USHERD}: run `make build`, or name one in USHERD.", returncode=2)
    return USHERD


def time_limit(seconds):
    """A fixture: a test that takes longer hangs."""

    @pytest.fixture(autouse=True)
    def limit():
        def hung(*_):
            raise TimeoutError(f"the test ran for {seconds} s")

        before = signal.signal(signal.SIGALRM, hung)
        signal.alarm(seconds)
        yield
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)

    return limit
