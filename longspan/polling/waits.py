"""When a system is asked next: intervals, waits after failures, and what the system itself asks for. Milliseconds."""

FIRST_PAUSE_MS = 1_000  # of a host that cannot be reached
_MOST_DOUBLINGS = 20


def first_wait_ms(delay_ms: int, interval_ms: int, since_start_ms: int, spread: float) -> int:
    """From now to the first request for a workflow that began so long ago; `spread` (0 to 1) is its own part.

    One that has just begun is asked for after the delay; those that have run for longer are spread over an interval,
    so that taking up many of them is no burst.
    """
    left_ms = delay_ms - max(0, since_start_ms)
    return left_ms if left_ms > 0 else round(min(interval_ms, max(0, since_start_ms - delay_ms)) * spread)


def next_wait_ms(
    interval_ms: int, jitter: float, failures: int, longest_ms: int, retry_after_ms: int | None, spread: float
) -> int:
    """From the begin of a request to that of the next; `failures` in a row before it, `spread` is from 0 to 1."""
    wait_ms = interval_ms
    if failures > 1:
        wait_ms = max(interval_ms, min(longest_ms, interval_ms * (1 << min(failures - 1, _MOST_DOUBLINGS))))
    wait_ms = round(wait_ms * (1 + jitter * (2 * spread - 1)))
    return max(wait_ms, retry_after_ms or 0)


def pause_ms(failures: int, longest_ms: int, retry_after_ms: int | None) -> int:
    """How long a whole host is left alone after so many failures in a row, at least one."""
    wait_ms = min(longest_ms, FIRST_PAUSE_MS * (1 << min(failures - 1, _MOST_DOUBLINGS)))
    return max(wait_ms, retry_after_ms or 0)
