"""A real browser for tests: Debian's Chromium, driven by Playwright, and a page that tolerates no trouble.

Playwright's synchronous API keeps an event loop running in the thread that started it, in which `asyncio.run` is then
refused. So a browser lives for one module of tests, not for the session: other modules have their thread back.
"""

import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, sync_playwright

CHROMIUM = shutil.which("chromium")
PHONE = {"width": 360, "height": 740}
_ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
)
_OWN = {"127.0.0.1", "localhost"}
_RULES = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")


@contextmanager
def running_browser() -> Iterator[Browser]:
    """A browser until the block ends."""
    if CHROMIUM is None:
        pytest.skip("no chromium on the PATH: scripts/test installs it where it may")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(_ARGUMENTS))
        try:
            yield browser
        finally:
            browser.close()


class Pages:
    """Opens pages, each in a context of its own, and notes what goes wrong in any of them.

    Trouble is every error on the console (a violation of the content security policy and a resource that fails to load
    are told there), every uncaught exception, and every request to another host. `tolerate` names what a test brings
    about on purpose.
    """

    def __init__(self, browser: Browser) -> None:
        self.troubles: list[str] = []
        self._browser = browser
        self._contexts: list[BrowserContext] = []
        self._tolerated: list[str] = []

    def open(self, **options: Any) -> Page:
        """An empty page; `options` are those of Playwright's `new_context`, such as `color_scheme="dark"`."""
        context = self._browser.new_context(**options)
        self._contexts.append(context)
        context.set_default_timeout(10_000)
        context.on("console", self._hear)
        context.on("weberror", lambda error: self.troubles.append(f"uncaught: {error.error}"))
        context.on("request", self._see)
        return context.new_page()

    def tolerate(self, pattern: str) -> None:
        """Let troubles pass in which this regular expression is found."""
        self._tolerated.append(pattern)

    def close(self) -> None:
        """Close all. AssertionError where there was trouble."""
        for context in self._contexts:
            context.close()
        left = [trouble for trouble in self.troubles if not any(re.search(one, trouble) for one in self._tolerated)]
        assert not left, "\n".join(left)

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.troubles.append(f"{message.text} ({message.location.get('url')})")

    def _see(self, request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme in ("http", "https", "ws", "wss") and parts.hostname not in _OWN:
            self.troubles.append(f"a request to another host: {request.url}")


NewPage = Callable[..., Page]


@contextmanager
def watched_pages(browser: Browser) -> Iterator[Pages]:
    """Pages until the block ends; AssertionError then where there was trouble in one."""
    pages = Pages(browser)
    try:
        yield pages
    except BaseException:
        for trouble in pages.troubles:
            print(f"in the browser: {trouble}")  # pytest shows it with the failure
        pages.troubles.clear()
        raise
    finally:
        pages.close()


def check_accessibility(page: Page) -> None:
    """AssertionError where axe finds a violation in the page as it stands, each with what it is and where."""
    found = Axe().run(page, options={"runOnly": list(_RULES), "resultTypes": ["violations"]})
    told = [
        f"{violation['id']} ({violation['impact']}): {violation['help']}: {node['html'][:200]}\n"
        + str(node["failureSummary"])
        for violation in found.response["violations"]
        for node in violation["nodes"]
    ]
    assert not told, "\n".join(told)
