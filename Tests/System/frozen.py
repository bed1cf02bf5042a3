"""Threads of the daemon that stand still, as a debugger can make them: the others go on."""

import ctypes
import os
import platform
import queue
import signal
import threading
from pathlib import Path

import pytest

_SEIZE, _INTERRUPT, _SYSCALL, _DETACH, _GET_SYSCALL_INFO = 0x4206, 0x4207, 24, 17, 0x420E
_TRACESYSGOOD = 1
_WALL = 0x40000000
_SYSTEM_CALL_STOP = signal.SIGTRAP | 0x80
_FDATASYNC = {"x86_64": 75, "aarch64": 83}

_libc = ctypes.CDLL(None, use_errno=True)
_libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
_libc.ptrace.restype = ctypes.c_long


def _ptrace(request, tid, address=0, data=0):
    result = _libc.ptrace(request, tid, address, data)
    if result < 0:
        raise OSError(ctypes.get_errno(), f"ptrace {request:#x} of {tid}")
    return result


def thread_id(pid, name):
    """The thread of that name."""
    for task in Path(f"/proc/{pid}/task").iterdir():
        if (task / "comm").read_text().strip() == name:
            return int(task.name)
    raise AssertionError(f"{pid} has no thread {name}")


class Frozen(threading.Thread):
    """
    Keeps one thread of a process from running until `release`, or the end of the `with`. Only root may.

    With `at_sync` it goes on until it next waits for the disk (fdatasync), and stands still there, as with a disk that does not answer;
    `reached` tells when it does.
    """

    def __init__(self, tid, at_sync=False):
        super().__init__(daemon=True)
        self.tid = tid
        self.at_sync = at_sync
        self.reached = threading.Event()
        self._attached = queue.Queue()
        self._released = threading.Event()
        self.start()
        if failure := self._attached.get():
            raise failure

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.release()

    def release(self):
        self._released.set()
        self.join()

    # Only the thread that has attached may go on with it.
    def run(self):
        try:
            if self.at_sync and platform.machine() not in _FDATASYNC:
                raise pytest.skip.Exception("needs to know this processor's number of fdatasync")
            _ptrace(_SEIZE, self.tid, 0, _TRACESYSGOOD)
            _ptrace(_INTERRUPT, self.tid)
            os.waitpid(self.tid, _WALL)
        except BaseException as error:
            self._attached.put(error)
            return
        self._attached.put(None)
        try:
            if self.at_sync:
                self._run_to_sync()
            self.reached.set()
            while not self._released.wait(0.02):
                # Its end would not be seen by others before it is seen here.
                tid, status = os.waitpid(self.tid, _WALL | os.WNOHANG)
                if tid and not os.WIFSTOPPED(status):
                    return
            _ptrace(_DETACH, self.tid)
        except (ProcessLookupError, ChildProcessError):
            # It was ended meanwhile.
            pass

    def _run_to_sync(self):
        signal_number = 0
        while True:
            _ptrace(_SYSCALL, self.tid, 0, signal_number)
            _, status = os.waitpid(self.tid, _WALL)
            if not os.WIFSTOPPED(status):
                raise ProcessLookupError
            stopped_by = os.WSTOPSIG(status)
            if stopped_by == _SYSTEM_CALL_STOP:
                # struct ptrace_syscall_info: what kind of stop (1: at the entry), and from byte 24 on the call's number.
                info = ctypes.create_string_buffer(96)
                _ptrace(_GET_SYSCALL_INFO, self.tid, ctypes.sizeof(info), ctypes.addressof(info))
                number = int.from_bytes(info.raw[24:32], "little")
                if info.raw[0] == 1 and number == _FDATASYNC[platform.machine()]:
                    return
            # A stop of the tracing itself is none of the thread's signals.
            signal_number = 0 if stopped_by in (_SYSTEM_CALL_STOP, signal.SIGTRAP) else stopped_by


def freeze(pid, name, at_sync=False):
    if os.geteuid() != 0:
        pytest.skip("needs root, to stop a thread of the daemon")
    return Frozen(thread_id(pid, name), at_sync)
