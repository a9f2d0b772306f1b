"""What the indexes of a site must hold, told by its snapshots and journals alone."""

from machines.journal import Header, Record, decode_journal
from machines.snapshot import decode_snapshot
from spans.ids import trace_id
from streams.indexes import differences, list_as
from streams.keys import trace_member
from tests.streams.site import PARTITIONS, Site


def name_trace(workflow_id: str, header: Header, record: Record) -> str:
    """A run's own trace id in the namespace `test`."""
    del record
    return f"{trace_id('test', header.machine, workflow_id, header.run):032x}"


def assert_indexed(site: Site) -> None:
    """Every index holds exactly what the snapshots say; every journal's run is found by its trace, and no other."""
    wanted: dict[bytes, dict[bytes, float]] = {}
    runs: set[tuple[bytes, bytes]] = set()
    with site.still:
        for name in list(site.client.scan_iter(match=f"{site.keys.prefix}:*", count=1_000)):
            kind, _, rest = name.partition(b"}:")[2].partition(b":")
            if kind == b"workflow":
                workflow_id = rest.decode()
                snapshot = decode_snapshot(site.client.call("GET", name))
                keys = site.of(workflow_id)
                for (index, member), score in differences(workflow_id, None, list_as(snapshot))[1].items():
                    wanted.setdefault(keys.index(index), {})[member] = score
            elif kind == b"journal":
                run, _, subject = rest.partition(b":")
                workflow_id = subject.decode()
                header, records = decode_journal(site.client.call("LRANGE", name, 0, -1), workflow_id)
                digits = bytes.fromhex(name_trace(workflow_id, header, records[0]))
                runs.add((site.of(workflow_id).traces(digits), trace_member(digits, workflow_id, int(run))))
        found: dict[bytes, dict[bytes, float]] = {}
        traced: set[tuple[bytes, bytes]] = set()
        for partition in range(PARTITIONS):
            keys = site.keys.of(partition)
            for index in site.client.call("SMEMBERS", keys.indexes):
                flat = site.client.call("ZRANGE", keys.index(index), 0, -1, "WITHSCORES")
                if flat:
                    found[keys.index(index)] = dict(zip(flat[::2], map(float, flat[1::2]), strict=True))
        for name in list(site.client.scan_iter(match=f"{site.keys.prefix}:*traces:*", count=1_000)):
            traced |= {(name, member) for member in site.client.call("HKEYS", name)}
    assert found == wanted
    assert traced == runs
