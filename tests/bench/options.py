"""What `scripts/bench` may be told."""

import argparse

from tests.bench.parts import PARTS
from tests.bench.scenario import EVENTS_PER_WORKFLOW
from tests.bench.size import ENDED, SIZES

TABLES = ("main", "api", "size", "length")


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Options with all defaults filled in; `table` is one of TABLES. Exits with status 2 for wrong ones."""
    parser = argparse.ArgumentParser(
        prog="scripts/bench", description="Longspan against a hand-written worker and against the ceiling, in one run."
    )
    tables = parser.add_mutually_exclusive_group()
    tables.add_argument(
        "--api", dest="table", action="store_const", const="api", help="the API instead, beside a million workflows"
    )
    tables.add_argument(
        "--size", dest="table", action="store_const", const="size", help="what an event costs beside many workflows"
    )
    tables.add_argument(
        "--length", dest="table", action="store_const", const="length", help="what an event costs a long workflow"
    )
    parser.set_defaults(table="main")
    parser.add_argument("--quick", action="store_true", help="one round with fewer events")
    parser.add_argument("--rounds", type=_positive, help="rounds to take the median of (default 5)")
    parser.add_argument(
        "--workflows",
        type=_positive,
        help=f"workflows of {EVENTS_PER_WORKFLOW} events (default 8000), or how many there are (default 1000000)",
    )
    parser.add_argument("--ended", type=_positive, help=f"with --size: workflows that have ended (default {ENDED})")
    parser.add_argument("--only", action="append", choices=tuple(PARTS), help="a part of the table; may be repeated")
    parser.add_argument("--load-seconds", type=_positive, help="how long the load for memory lasts (default 60)")
    parser.add_argument("--valkey", action="store_true", help="the embedded Valkey instead of redis-server")
    parser.add_argument("--json", action="store_true", help="print figures as JSON")
    parser.add_argument("--compare", action="store_true", help="warn of ratios that fell below the stored ones")
    parser.add_argument(
        "--write",
        action="store_true",
        help="put the table, and its plot, into docs/performance.md; with --quick keep what --compare compares with",
    )
    options = parser.parse_args(arguments)
    if options.table != "main" and (options.only or options.compare or options.load_seconds):
        parser.error("--only, --compare and --load-seconds are for the main table")
    if options.table != "size" and options.ended:
        parser.error("--ended is for --size")
    if options.table == "length" and options.workflows:
        parser.error("--workflows is not for --length")
    if options.write and options.valkey and options.table != "size":
        parser.error("--write is for redis-server, and with --size for Valkey too")
    if options.write and (options.only or (options.quick and options.table != "main")):
        parser.error("--write is for whole tables: without --only, and with --quick for the ratios alone")
    if options.table == "main":
        options.rounds = options.rounds or (1 if options.quick else 5)
        options.workflows = options.workflows or (2_000 if options.quick else 8_000)
    else:
        options.rounds = options.rounds or (1 if options.quick else 5)
        options.workflows = options.workflows or (50_000 if options.quick else SIZES[-1])
        options.ended = options.ended or (2 * options.workflows if options.quick else ENDED)
    return options


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a number of 1 or more")
    return number
