"""Who holds a lease, and whether that process is certainly dead."""

import os
import subprocess
import sys

import pytest

from streams import owner
from streams.owner import identify, is_dead
from tests.support.waiting import wait_for

TELL = "import sys; from streams.owner import identify; print(identify(), flush=True); sys.stdin.read()"


def start() -> "tuple[subprocess.Popen[str], str]":
    """A process, and how it names itself."""
    process = subprocess.Popen([sys.executable, "-c", TELL], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, process.stdout.readline().strip()


def test_a_process_is_alive_until_it_is_killed_and_dead_before_its_parent_notices() -> None:
    process, name = start()
    with process:
        assert not is_dead(name)
        process.kill()
        wait_for(lambda: is_dead(name))  # a zombie still: nobody has waited for it
        assert process.returncode is None
        process.wait()
        assert is_dead(name)


def test_another_process_with_the_same_number_is_not_taken_for_the_holder() -> None:
    host, space, pid, started = identify().split("/")
    assert not is_dead(identify())
    assert is_dead(f"{host}/{space}/{pid}/{int(started) - 1}")


def test_a_machine_that_we_cannot_see_is_never_called_dead() -> None:
    host, space, _, started = identify().split("/")
    gone = f"{2**22 + 1}"  # above the highest process id that Linux gives
    assert is_dead(f"{host}/{space}/{gone}/{started}")
    assert not is_dead(f"elsewhere/{space}/{gone}/{started}")
    assert not is_dead(f"{host}/pid:[1]/{gone}/{started}")


def test_a_clone_with_our_host_name_is_another_machine(
    monkeypatch: pytest.MonkeyPatch, tmp_path: "os.PathLike[str]"
) -> None:
    process, name = start()
    with process:
        process.kill()
    assert is_dead(name)
    boot = os.path.join(tmp_path, "boot_id")
    with open(boot, "w") as stream:
        stream.write("another")
    monkeypatch.setattr(owner, "BOOT_ID", boot)
    assert not is_dead(name)


@pytest.mark.parametrize(
    "name",
    ["", "a/b", "a/b/c/d", "/".join("abcde"), "\ufffd", pytest.param(f"{identify()}/x", id="one field too many")],
)
def test_a_name_that_nobody_of_ours_wrote_is_not_called_dead(name: str) -> None:
    assert not is_dead(name)


def test_where_starts_are_unknown_only_a_missing_process_is_dead(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(owner, "_started", lambda pid: None)
    host, space, pid, _ = identify().split("/")
    assert not is_dead(f"{host}/{space}/{pid}/-")
    assert is_dead(f"{host}/{space}/{2**22 + 1}/-")
