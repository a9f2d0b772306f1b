"""Generated ingress entries that break the format of events, each with the attribute that is at fault."""

from typing import NamedTuple

from hypothesis import strategies as st

Pairs = dict[bytes, bytes]


class Broken(NamedTuple):
    """An entry, and the field that its dead letter has to name."""

    fields: Pairs
    at_fault: str


_KNOWN = ("id", "source", "type", "subject", "machine", "time", "data", "sequence", "parent")
_BINARY = st.binary(max_size=30).map(lambda tail: b"\xff" + tail)
_OPEN = ('{"a":', "nothing", '{"a": NaN}', "{'a': 1}", '{"a": 1} 2', "\x00", "{", '{"a": "\n"}')
_NO_OBJECTS = ("[]", "1", '"text"', "true", "null", "[{}]", "1e400")
_NO_TIMES = (
    "",
    "yesterday",
    "2026-11-22",
    "2026-11-22T16:00:00",
    "2026-13-01T00:00:00Z",
    "2026-02-30T00:00:00Z",
    "1969-12-31T23:59:59Z",
    "9999-12-31T23:59:59Z",
    "2026-11-22T25:00:00Z",
    "2026-11-22T16:00:00+99:00",
    "1763800000",
)
_WORDS = st.text(st.characters(codec="utf-8", categories=("L", "P", "S", "Z")), max_size=40)


def _with(name: str, value: str | bytes) -> Broken:
    return Broken({name.encode(): value.encode() if isinstance(value, str) else value}, name)


def _long(name: str, limit: int) -> st.SearchStrategy[Broken]:
    return st.integers(limit + 1, limit + 200).map(lambda size: _with(name, "x" * size))


mistakes: st.SearchStrategy[Broken] = st.one_of(
    st.sampled_from(["id", "type", "subject", "machine", "parent"]).map(lambda name: _with(name, "")),
    st.sampled_from(["id", "type", "subject"]).map(lambda name: Broken({name.encode(): b"\x00missing"}, name)),
    st.sampled_from(_KNOWN).flatmap(lambda name: _BINARY.map(lambda value: _with(name, value))),
    _BINARY.map(lambda name: Broken({name: b"value"}, "")),
    _long("id", 1_024),
    _long("type", 1_024),
    _long("source", 1_024),
    _long("subject", 256),
    _long("machine", 256),
    _long("parent", 256),
    st.sampled_from(["a\nb", "a\x00b", "\x1b[31m", "tab\there"]).map(lambda value: _with("subject", value)),
    st.one_of(st.sampled_from(_NO_TIMES), _WORDS).map(lambda value: _with("time", value)),
    st.one_of(st.sampled_from(_OPEN), st.sampled_from(_NO_OBJECTS)).map(lambda value: _with("data", value)),
    st.integers(1, 5).map(lambda extra: _with("data", '{"a":"%s"}' % ("x" * (256 * 1024 + extra)))),
    st.integers(2_000, 100_000).map(lambda depth: _with("data", '{"a":' + "[" * depth + "]" * depth + "}")),
    st.sampled_from(["", "one", "1.5", "1e3", "--1", "9" * 30, "٣"]).map(lambda value: _with("sequence", value)),
    st.sampled_from(["0.3", "2.0", ""]).map(lambda value: _with("specversion", value)),
    st.sampled_from(["text/xml", "application/octet-stream"]).map(lambda value: _with("datacontenttype", value)),
    st.sampled_from(["{}", "[]", "", "{", '"x"']).map(lambda value: _with("event", value)),
)


def spoil(healthy: Pairs, mistake: Broken) -> Pairs:
    """The healthy entry with the mistake in it."""
    missing = [name for name, value in mistake.fields.items() if value == b"\x00missing"]
    spoilt = healthy | mistake.fields
    return {name: value for name, value in spoilt.items() if name not in missing}
