"""`scripts/screenshots`: the pictures of the live page in docs/images."""

import argparse
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

from playwright.sync_api import Page, expect

from longspan.api_server import ApiThread, listen, url_of
from tests.screenshots.scene import Scene
from tests.support.api import make_service
from tests.support.browser import CHROMIUM, PHONE, running_browser, watched_pages
from tests.support.servers import VALKEY, running

IMAGES = Path(__file__).parents[2] / "docs" / "images"
WIDE = {"width": 1360, "height": 620}
CONNECTIONS = 100


class Shot(NamedTuple):
    """A picture: its file, the page, and how the browser is set up."""

    name: str
    path: str
    options: dict[str, Any]


SHOTS = (
    Shot("list-dark", "/", {"color_scheme": "dark", "viewport": WIDE}),
    Shot("list-light", "/", {"color_scheme": "light", "viewport": WIDE}),
    Shot("list-phone", "/", {"color_scheme": "dark", "viewport": PHONE, "device_scale_factor": 2}),
    Shot("workflow", "/ui/workflows/{running}", {"color_scheme": "dark", "viewport": {"width": 1360, "height": 900}}),
    Shot("workflow-phone", "/ui/workflows/{running}", {"color_scheme": "light", "viewport": PHONE}),
    Shot("deadletters", "/ui/deadletters", {"color_scheme": "light", "viewport": {"width": 1360, "height": 420}}),
)


def main() -> None:
    """Take the pictures."""
    parser = argparse.ArgumentParser(prog="scripts/screenshots", description="Write the pictures of the live page.")
    parser.add_argument("--into", type=Path, default=IMAGES, metavar="DIRECTORY", help="default: docs/images")
    parser.add_argument("--workflows", type=int, default=400, metavar="COUNT", help="how many are played; default: 400")
    chosen = parser.parse_args()
    if CHROMIUM is None:
        parser.exit(1, "scripts/screenshots: there is no chromium on the PATH: install it\n")
    chosen.into.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, running(VALKEY, Path(folder)) as server:
        scene = Scene(server.url, "longspan")
        try:
            scene.play(chosen.workflows)
            take(scene, chosen.into)
        finally:
            scene.close()


def take(scene: Scene, into: Path) -> None:
    """Take the pictures of a scene."""
    service = make_service(scene.connect, scene.keys, scene.catalog, lambda: scene.now_ns)
    listening = listen("127.0.0.1", 0)
    url = url_of(listening)
    try:
        with ApiThread(service, listening, CONNECTIONS), running_browser() as browser, watched_pages(browser) as pages:
            for shot in SHOTS:
                page = pages.open(**shot.options)
                page.goto(url + shot.path.replace("{running}", scene.running))
                settle(page)
                file = into / f"{shot.name}.png"
                page.screenshot(path=file)
                print(f"{file} {file.stat().st_size // 1024} kB")
                page.context.close()
    finally:
        service.reader.close()


def settle(page: Page) -> None:
    """Wait until a live page is connected."""
    if page.locator("#live").count():
        expect(page.locator("#live")).not_to_have_attribute("data-state", "connecting")


if __name__ == "__main__":
    main()
