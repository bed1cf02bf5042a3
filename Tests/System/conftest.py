import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from .daemon import CHEAP, USHERD, Daemon, merged
from .guards import time_limit, usherd
from .people import Person

limit = time_limit(300)


def _folder():
    # Short, since a socket's path holds 107 bytes; readable for all, since some daemons run as nobody.
    folder = Path(tempfile.mkdtemp(prefix="ush", dir="/tmp"))
    folder.chmod(0o755)
    return folder


def _maker(folder):
    made = []

    def make(config=None, *, cheap=True, **more):
        if not isinstance(config, str):
            config = merged(CHEAP if cheap else {}, config or {})
        daemon = Daemon(more.pop("folder", None) or folder / str(len(made)), config, **more)
        made.append(daemon)
        return daemon

    return make, made


def _end(made, folder):
    try:
        for daemon in made:
            if daemon.is_alive():
                daemon.kill9()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def folder():
    """An empty folder with a short path."""
    folder = _folder()
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def make():
    """Makes daemons of this test alone; the test starts them."""
    folder = _folder()
    make, made = _maker(folder)
    yield make
    _end(made, folder)


@pytest.fixture(scope="module")
def make_shared():
    """Makes daemons that the tests of a module share."""
    folder = _folder()
    make, made = _maker(folder)
    yield make
    _end(made, folder)


@pytest.fixture(scope="module")
def daemon(make_shared):
    """The daemon that the tests of a module share, unless the module has one of its own."""
    return make_shared().start()


@pytest.fixture
def connection(daemon):
    """A connection to the shared daemon. Who ends the daemon fails."""
    if not daemon.is_alive():
        daemon.start()
    with daemon.connect() as connection:
        yield connection
    assert daemon.is_alive(), f"the daemon ended with {daemon.process.returncode}: {daemon.stderr.text()[-4000:]}"


@pytest.fixture
def person(connection):
    return Person(connection)


@pytest.fixture
def as_nobody(folder):
    """How to run the daemon as nobody: arguments for `make`. The binary is copied to where nobody can read it."""
    if os.geteuid() != 0 or not shutil.which("setpriv"):
        pytest.skip("needs root and setpriv, to run the daemon as nobody")
    binary = folder / "usherd"
    shutil.copy(USHERD, binary)
    binary.chmod(0o755)
    return {"wrapper": ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"], "binary": binary}


@pytest.fixture
def small_disk(folder):
    """A file system of 16 MiB."""
    if os.geteuid() != 0:
        pytest.skip("needs root, to mount a small file system")
    mount = folder / "disk"
    mount.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m,mode=700", "tmpfs", str(mount)], capture_output=True, text=True)
    if done.returncode != 0:
        pytest.skip(f"mounts are not allowed here: {done.stderr.strip()}")
    yield mount
    subprocess.run(["umount", "--lazy", str(mount)], check=True)
