"""A site whose page is served on a port of its own: what is told is applied, and seen in a browser."""

from api.service import Service
from longspan.api_server import ApiThread, listen
from tests.streams.site import Site
from tests.support.api import make_service
from tests.support.servers import free_port

CONNECTIONS = 100


class Desk:
    """The page of a site at `url`, while it is served, and a worker that folds what is told."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self._port = free_port()
        self.url = f"http://127.0.0.1:{self._port}"
        self._worker = site.worker()
        self._served: tuple[Service, ApiThread] | None = None

    def start(self) -> None:
        """Serve."""
        site = self.site
        service = make_service(site.connect, site.keys, site.catalog, lambda: site.now_ms * 1_000_000)
        thread = ApiThread(service, listen("127.0.0.1", self._port), CONNECTIONS)
        thread.__enter__()
        self._served = service, thread

    def stop(self) -> None:
        """Serve no more, until it is started again."""
        if self._served is not None:
            service, thread = self._served
            thread.__exit__()
            service.reader.close()
            self._served = None

    def tell(self, subject: str, name: str, **attributes: str) -> None:
        """Let an event come and be applied."""
        self.site.emit(self.site.event(subject, name, **attributes))
        self.settle()

    def settle(self) -> None:
        """Apply all that has come."""
        self.site.settle(self._worker)
