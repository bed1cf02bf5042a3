"""A machine for tests: a real systemd as PID 1 over the host's own root, in namespaces of its own."""

import ctypes
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
OLDEST_SYSTEMD = 252

# Long enough for any machine; only what hangs ever takes this long.
PATIENCE = 60.0

PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)

_NAMESPACES = ["--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup", "--fork"]
_ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "LANG": "C.UTF-8",
    "SYSTEMD_PAGER": "",
    "PYTHONPATH": "/srv/usher/Tests",
    "PYTHONDONTWRITEBYTECODE": "1",
}


def lacking():
    """What keeps a machine from being started here, in words; None if nothing does."""
    if os.geteuid() != 0:
        return "needs root, to make namespaces and mounts"
    for program in ("unshare", "nsenter", "setpriv", "pivot_root", "systemctl"):
        if not shutil.which(program):
            return f"needs {program}, which is not installed"
    if not os.access("/lib/systemd/systemd", os.X_OK):
        return "needs systemd, which is not installed"
    version = subprocess.run(["systemctl", "--version"], capture_output=True, text=True, check=True).stdout
    number = int(re.match(r"systemd (\d+)", version).group(1))
    if number < OLDEST_SYSTEMD:
        return f"needs systemd {OLDEST_SYSTEMD}; this is {number}"
    if _cgroups() is None:
        return "needs cgroup v2, which is not mounted"
    if not os.access(_cgroups(), os.W_OK):
        return f"needs to make control groups, and {_cgroups()} is read-only"
    # An overlay over the root is what some containers forbid.
    with tempfile.TemporaryDirectory(prefix="usher-tests-") as folder:
        trial = (
            f"mount -n -t tmpfs tmpfs {folder} && mkdir {folder}/u {folder}/w {folder}/r"
            f" && mount -n -t overlay -o lowerdir=/,upperdir={folder}/u,workdir={folder}/w overlay {folder}/r"
        )
        tried = subprocess.run(["unshare", *_NAMESPACES, "sh", "-c", trial], capture_output=True, text=True)
    if tried.returncode != 0:
        return f"needs namespaces and an overlay mount: {tried.stderr.strip()}"
    return None


def _cgroups():
    for line in Path("/proc/self/mounts").read_text().splitlines():
        fields = line.split()
        if fields[2] == "cgroup2":
            return Path(fields[1])
    return None


class Failed(AssertionError):
    """A command in the machine failed."""


class Machine:
    """
    One booted systemd. `files` is a folder that is laid over its root before it boots, all of it as root's.

    It ends with the process that started it, however that ends.
    """

    def __init__(self, files=None):
        self._files = files
        self._process = None
        self._folder = None
        self._group = None
        self.pid = None

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    # Starting and ending

    def start(self):
        """Boots it, and waits until everything that it starts by itself has started."""
        try:
            self._boot()
        except BaseException:
            self.stop()
            raise
        return self

    def _boot(self):
        self._folder = Path(tempfile.mkdtemp(prefix="usher-tests-"))
        self._group = _cgroups() / self._folder.name
        self._group.mkdir()
        files = self._folder / "files"
        if self._files:
            shutil.copytree(self._files, files, symlinks=True)
        else:
            files.mkdir()

        def prepare():
            # A test run that is killed leaves no machine behind; and the machine's own control groups begin at this one.
            _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            (self._group / "cgroup.procs").write_text(str(os.getpid()))

        log = self._folder / "log"
        command = ["unshare", *_NAMESPACES, "--kill-child", "--propagation=private"]
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                [*command, Path(__file__).with_name("boot"), self._folder, REPOSITORY],
                stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True, preexec_fn=prepare,
            )
        deadline = time.monotonic() + PATIENCE
        while not self._is_up():
            assert self._process.poll() is None, f"the machine does not boot: {log.read_text()}"
            assert time.monotonic() < deadline, f"the machine does not come up: {log.read_text()}"
            time.sleep(0.02)

    def _is_up(self):
        parent = self._process.pid
        children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
        if not children or Path(f"/proc/{children[0]}/comm").read_text() != "systemd\n":
            return False
        self.pid = int(children[0])
        return self.run("systemctl", "is-system-running", check=False).stdout.strip() in ("running", "degraded")

    def stop(self):
        """Ends every process in it, and leaves nothing."""
        if self._process:
            # Its child is PID 1 in there, and dies with it; with PID 1 all the others do.
            self._process.kill()
            self._process.wait()
            self._process = None
        if self._group:
            deadline = time.monotonic() + PATIENCE
            while not self._remove_groups():
                assert time.monotonic() < deadline, f"processes are left in {self._group}"
                time.sleep(0.01)
            self._group = None
        if self._folder:
            shutil.rmtree(self._folder)
            self._folder = None
        self.pid = None

    def _remove_groups(self):
        try:
            for folder, _, _ in os.walk(self._group, topdown=False):
                os.rmdir(folder)
        except OSError:
            return False
        return True

    # Commands

    def run(self, *command, check=True, input=None, uid=None, gid=None, groups=(), timeout=PATIENCE):
        """Runs a command in there, as root or as another uid with these groups and no other; its result, as text."""
        with self.popen(*command, uid=uid, gid=gid, groups=groups) as process:
            try:
                output, errors = process.communicate(input, timeout)
            except BaseException:
                process.kill()
                raise
        result = subprocess.CompletedProcess(command, process.returncode, output, errors)
        if check and result.returncode != 0:
            raise Failed(f"{' '.join(map(str, command))} ended with {result.returncode}: {output}{errors}")
        return result

    def popen(self, *command, uid=None, gid=None, groups=()):
        """The same without waiting: its process, with pipes."""
        enter = ["nsenter", f"--target={self.pid}", "--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup", "--root", "--wd"]
        if uid is not None:
            enter += ["setpriv", f"--reuid={uid}", f"--regid={uid if gid is None else gid}"]
            enter += [f"--groups={','.join(map(str, groups))}" if groups else "--clear-groups"]
        pipe = subprocess.PIPE
        return subprocess.Popen([*enter, *command], stdin=pipe, stdout=pipe, stderr=pipe, text=True, env=_ENVIRONMENT)

    def python(self, script, *arguments, **options):
        """Runs a script with Debian's Python, which finds the packages of Tests, and returns what it prints."""
        return self.run("/usr/bin/python3", "-c", script, *arguments, **options).stdout

    # Files

    def path(self, path):
        """How the host names a path of the machine, for as long as it runs. Its absolute symlinks lead to the host."""
        return Path(f"/proc/{self.pid}/root{path}")

    def write(self, path, content, mode="0644"):
        """Makes a file, and the folders that lack."""
        self.run("install", "-D", f"--mode={mode}", "/dev/stdin", path, input=content)

    def copy(self, source, path, mode="0644"):
        """Copies a file of the host. One that is there already is replaced as a package would: by a rename."""
        beside = f"{path}.new"
        self.run("mkdir", "-p", str(Path(path).parent))
        shutil.copyfile(source, self.path(beside))
        self.run("chmod", mode, beside)
        self.run("mv", beside, path)

    # systemd

    def systemctl(self, *arguments, **options):
        return self.run("systemctl", *arguments, **options)

    def show(self, unit, name):
        """A property of a unit."""
        return self.systemctl("show", "--value", f"--property={name}", unit).stdout.strip()

    def drop_in(self, unit, text, name="tests"):
        """Changes a unit until `revert`."""
        self.write(f"/run/systemd/system/{unit}.d/{name}.conf", text)
        self.systemctl("daemon-reload")

    def revert(self, unit):
        self.run("rm", "-rf", f"/run/systemd/system/{unit}.d")
        self.systemctl("daemon-reload")

    def now(self):
        """The journal's clock, for `since`. (journalctl 252 leaves an entry out when --after-cursor meets a match.)"""
        return time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000

    def journal(self, *matches, since=0):
        """The entries of the journal, oldest first, each a dict of its fields. What was logged before the call is there."""
        self.run("journalctl", "--sync")
        output = self.run("journalctl", "--output=json", "--all", "--no-pager", "--quiet", *matches).stdout
        entries = map(json.loads, output.splitlines())
        return [entry for entry in entries if int(entry["__MONOTONIC_TIMESTAMP"]) >= since]

    def logged(self, *matches, since=0):
        """The first entry that matches, once it comes: a daemon's events follow its replies."""
        return self.eventually(lambda: self.journal(*matches, since=since), f"an entry with {matches}")[0]

    def eventually(self, condition, what):
        """Waits for something that nobody announces."""
        deadline = time.monotonic() + PATIENCE
        while not (result := condition()):
            assert time.monotonic() < deadline, f"did not come: {what}"
            time.sleep(0.02)
        return result
