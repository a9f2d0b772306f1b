"""Log lines: as text for people, as JSON for programs, and what each knows of workflow, trace and partition."""

import json
import re
import subprocess
import sys

_SCRIPT = """
import logging
from longspan.logs import log_to_stderr
log_to_stderr("INFO", {form!r})
logger = logging.getLogger("longspan.worker")
logger.debug("too low")
logger.warning("event %s of %s", "e-1", "wf\\n1", extra={{"workflow_id": "wf\\n1", "partition": 3, "secret": "data"}})
try:
    1 / 0
except ZeroDivisionError:
    logger.exception("it failed")
logging.getLogger("hypercorn.error").info("Running on %s", "http://127.0.0.1:8080")
"""


def lines(form: str) -> list[str]:
    """What a process logs that is set up as ours are."""
    done = subprocess.run([sys.executable, "-c", _SCRIPT.format(form=form)], capture_output=True, text=True, check=True)
    return done.stderr.splitlines()


def test_text_is_one_line_a_message() -> None:
    first, second, third = lines("text")
    instant = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
    assert re.fullmatch(instant + r" warning longspan\.worker event e-1 of wf\\n1", first)
    assert "it failed\\nTraceback" in second
    assert re.fullmatch(instant + r" info hypercorn\.error Running on http://127\.0\.0\.1:8080", third)


def test_json_is_one_object_a_line_with_what_it_is_about_and_no_more() -> None:
    first, second, third = map(json.loads, lines("json"))
    assert {name: value for name, value in first.items() if name != "time"} == {
        "level": "warning",
        "logger": "longspan.worker",
        "message": "event e-1 of wf\n1",
        "workflow_id": "wf\n1",
        "partition": 3,
    }
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", first["time"])
    assert second["message"] == "it failed"
    assert second["exception"].endswith("ZeroDivisionError: division by zero")
    assert (third["logger"], third["message"]) == ("hypercorn.error", "Running on http://127.0.0.1:8080")
