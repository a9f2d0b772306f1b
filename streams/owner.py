"""Who holds a lease: a process, named so that a successor on the same machine can tell that it is dead."""

import os
import socket
from itertools import count
from pathlib import Path

BOOT_ID = "/proc/sys/kernel/random/boot_id"


_numbers = count()


def identify() -> str:
    """This process as `host/pid namespace/pid/start`; the namespace keeps containers of one host apart."""
    return "/".join((socket.gethostname(), _namespace(), str(os.getpid()), _started(os.getpid()) or "-"))


def name_member() -> str:
    """A name for one that holds leases in this process: `identify()`, and which one of them behind a `#`."""
    return f"{identify()}#{next(_numbers)}"


def is_dead(owner: str) -> bool:
    """Whether the process certainly no longer runs: only ever said of one that this machine can see."""
    parts = owner.partition("#")[0].split("/")
    if len(parts) != 4 or parts[:2] != [socket.gethostname(), _namespace()] or not parts[2].isdigit():
        return False
    started = _started(int(parts[2]))
    if started is not None:
        return parts[3] not in ("-", started)
    try:
        os.kill(int(parts[2]), 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False


def _namespace() -> str:
    """The process namespace, and the boot: cloned machines may have equal host names."""
    try:
        return f"{Path('/proc/self/ns/pid').readlink()}@{Path(BOOT_ID).read_text().strip()}"
    except OSError:
        return "-"


def _started(pid: int) -> str | None:
    """When a process began, in clock ticks since boot (proc(5), field 22); `zombie` for one that has ended, or None."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return "zombie" if fields[0] == "Z" else fields[19]
