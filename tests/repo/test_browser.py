"""The tests' browser tells of everything that must not happen in a page."""

import http.server
import threading
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests.support.browser import check_accessibility, watched_pages

POLICY = "default-src 'none'; script-src 'self'; style-src 'self'"
BODIES = {
    "/fine": "<h1>Fine</h1>",
    "/inline": "<h1>Inline</h1><script>window.ran = true</script>",
    "/elsewhere": "<h1>Elsewhere</h1><img alt='x' src='http://elsewhere.example/x.png'>",
    "/missing": "<h1>Missing</h1><script src='/none.js'></script>",
    "/throws": "<h1>Throws</h1><script src='/throws.js'></script>",
    "/unlabelled": "<h1>Form</h1><input name='x'>",
}


class Site(http.server.BaseHTTPRequestHandler):
    """Small pages under a strict policy."""

    def do_GET(self) -> None:
        script = self.path == "/throws.js"
        body = BODIES.get(self.path)
        self.send_response(200 if script or body else 404)
        self.send_header("content-type", "text/javascript" if script else "text/html")
        self.send_header("content-security-policy", POLICY)
        self.end_headers()
        page = f"<!doctype html><html lang=en><title>Page</title><main>{body}</main></html>"
        self.wfile.write(b"throw new Error('thrown')" if script else page.encode())

    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Site) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("path", "trouble"),
    [
        ("/inline", "Content Security Policy"),
        ("/elsewhere", "a request to another host: http://elsewhere.example/x.png"),
        ("/missing", "404"),
        ("/throws", "uncaught: .*thrown"),
    ],
)
def test_what_must_not_happen_in_a_page_fails_the_test(browser: Browser, site: str, path: str, trouble: str) -> None:
    with pytest.raises(AssertionError, match=trouble), watched_pages(browser) as pages:
        pages.open().goto(site + path, wait_until="load")


def test_trouble_that_is_brought_about_on_purpose_is_tolerated(browser: Browser, site: str) -> None:
    with watched_pages(browser) as pages:
        pages.tolerate("404")
        pages.open().goto(f"{site}/missing", wait_until="load")


def test_a_page_without_fault_passes_and_a_field_without_a_label_does_not(page: Page, site: str) -> None:
    page.goto(f"{site}/fine")
    check_accessibility(page)
    page.goto(f"{site}/unlabelled")
    with pytest.raises(AssertionError, match="label"):
        check_accessibility(page)
