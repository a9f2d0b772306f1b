"""docs/grafana.md: its queries are answered as it says, and its data source is one."""

import re
from pathlib import Path

import pytest
import yaml

from api.tempo import search
from api.tempo.errors import TraceQLError
from api.tempo.targets import MOST_RUNS_OF_ONE
from api.tempo.traceql import parse_query
from spans.live import SHOWN_SPANS
from tests.support.api import AppClient

TEXT = (Path(__file__).parents[2] / "docs/grafana.md").read_text()
HELPED, REFUSED = TEXT.split("Anything else is refused")


def queries(text: str) -> list[str]:
    """The first column of the tables."""
    found = [match.replace("\\|", "|") for match in re.findall(r"^\| `(.+?)` \| ", text, re.MULTILINE)]
    assert len(found) >= 5
    return found


def test_every_query_that_is_said_to_work_does(api: AppClient) -> None:
    for query in queries(HELPED):
        answer = api.get("/api/search", params={"q": query})
        assert (answer.status_code, answer.json()["traces"]) == (200, []), query


def test_every_query_that_is_said_to_be_refused_is() -> None:
    for query in queries(REFUSED):
        with pytest.raises(TraceQLError):
            parse_query(query)


def test_the_data_source_is_one_of_type_tempo() -> None:
    (block,) = [one for one in re.findall(r"```yaml\n(.+?)```", TEXT, re.DOTALL) if "datasources:\n" in one]
    (source,) = yaml.safe_load(block)["datasources"]
    assert source["type"] == "tempo"
    assert source["jsonData"]["traceQuery"] == {"timeShiftEnabled": False}
    assert not any(source["jsonData"]["streamingEnabled"].values())
    assert source["secureJsonData"]["httpHeaderValue1"].startswith("Bearer $")


def test_the_bounds_are_those_of_the_code() -> None:
    for bound in (f"{SHOWN_SPANS:,} spans", f"{search.MOST_RUNS:,} runs", f"{search.MOST_ENTRIES:,} events"):
        assert bound in TEXT
    assert f"last {MOST_RUNS_OF_ONE} runs" in TEXT
