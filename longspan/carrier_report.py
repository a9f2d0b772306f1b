"""What the carrier tells its parent of its work: a line of JSON on stdout when something has changed."""

import os
import stat
import sys

import msgspec

from longspan.export_report import ExportReport


class RoutingReport(msgspec.Struct, frozen=True, omit_defaults=True):
    """Of its router: whether it routes, what keeps it from its work now, and how many of its turns failed because of
    Redis."""

    active: bool = False
    trouble: str = ""
    faults: int = 0


class CarrierReport(msgspec.Struct, frozen=True, omit_defaults=True):
    """Of both its parts."""

    routing: RoutingReport = RoutingReport()
    exporting: ExportReport = ExportReport()


class Reporter:
    """Writes reports to the pipe that stdout is; where it is none, nobody asked."""

    def __init__(self) -> None:
        self._pipe: int | None = None
        self._last = CarrierReport()
        if stat.S_ISFIFO(os.fstat(1).st_mode):
            # A copy of its own, so that no program which a credential plug-in starts holds the pipe open.
            self._pipe = os.dup(1)
            os.set_blocking(self._pipe, False)
            sys.stdout.flush()
            os.dup2(2, 1)

    def write(self, report: CarrierReport) -> None:
        """Tell how things stand, if something has changed. A parent that does not read misses it, and no more."""
        if self._pipe is None or report == self._last:
            return
        try:
            os.write(self._pipe, msgspec.json.encode(report) + b"\n")
        except OSError:
            return
        self._last = report


def read_report(line: bytes) -> CarrierReport | None:
    """The report in a line; None where it is none."""
    try:
        return msgspec.json.decode(line, type=CarrierReport)
    except msgspec.DecodeError:
        return None
