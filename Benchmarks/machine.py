"""What the machine is, and what the kernel tells about a process."""

import os
import pathlib
import platform


def processors():
    """The processor of the server and that of the load: two different cores if this process may use two, else one for both."""
    allowed = sorted(os.sched_getaffinity(0))
    server = allowed[0]
    siblings = pathlib.Path(f"/sys/devices/system/cpu/cpu{server}/topology/thread_siblings_list")
    threads = _numbers(siblings.read_text()) if siblings.exists() else {server}
    others = [cpu for cpu in allowed if cpu not in threads] or [cpu for cpu in allowed if cpu != server]
    return server, (others[0] if others else server)


def _numbers(listing):
    """`0,4-6` as a set."""
    numbers = set()
    for part in listing.strip().split(","):
        first, _, last = part.partition("-")
        numbers.update(range(int(first), int(last or first) + 1))
    return numbers


def description():
    models = [line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")]
    return {
        "processor": models[0] if models else platform.machine(),
        "processors": len(os.sched_getaffinity(0)),
        "kernel": platform.release(),
        "load_average": os.getloadavg()[0],
    }


def file_system(folder):
    """The type of the file system that `folder` is on."""
    folder = os.path.realpath(folder)
    best, kind = "", "unknown"
    for line in open("/proc/self/mounts"):
        _, point, name, *_ = line.split()
        inside = folder == point or folder.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= len(best):
            best, kind = point, name
    return kind


def resident_bytes(pid):
    for line in open(f"/proc/{pid}/status"):
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise OSError(f"/proc/{pid}/status has no VmRSS")


def wake_ups(pid):
    """How often any thread of the process has gone to sleep by itself, which is how often one was woken."""
    total = 0
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        for line in (task / "status").read_text().splitlines():
            if line.startswith("voluntary_ctxt_switches:"):
                total += int(line.split()[1])
    return total


def threads(pid):
    return len(os.listdir(f"/proc/{pid}/task"))


def awake_seconds(pid, prefix):
    """For how long the threads whose name begins with `prefix` have run or wanted a processor, and how many there are."""
    awake, count = 0, 0
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        if (task / "comm").read_text().startswith(prefix):
            running, waiting, _ = map(int, (task / "schedstat").read_text().split())
            awake, count = awake + running + waiting, count + 1
    return awake / 1e9, count
