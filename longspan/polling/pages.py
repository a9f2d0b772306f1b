"""The pages of a collection: which comes next, and when there is none. No I/O."""

import re
from collections.abc import Collection
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, quote, urldefrag, urlencode, urljoin, urlsplit

from longspan.polling.asking import Fault, Reply, origin_of, show_origin
from longspan.polling.links import read_links
from longspan.polling.reading import Reading
from machines.mapping_rule import FaultError
from machines.paging import Paging
from machines.url_template import LONGEST_URL

_URL = re.compile(r"[!-~]+")


@dataclass(slots=True)
class Walk:
    """One poll of a collection, page by page, begun at `began_ms`.

    `first` and `url` are the URLs of its first page, and of the one that is asked for next: None at the end. `sent`
    are the marks of what all pages told so far, `items` how many items they had. `trouble` is the first that was met;
    `broken` where it kept the pages behind it from being read. `cut` where there are more pages than are read.
    """

    began_ms: int
    first: str
    url: str | None
    page: int = 1
    items: int = 0
    sent: bytes = b""
    trouble: Fault | None = None
    broken: bool = False
    cut: bool = False
    _asked: set[str] = field(default_factory=set)

    def take(self, paging: Paging, items: int, answer: Reply | Fault, reading: Reading, new: bool) -> None:
        """Note the answer for `url`, with so many `items`, and whether any is new, and find the page that follows."""
        self.trouble = self.trouble or reading.trouble
        url, self.url = self.url or self.first, None
        if not isinstance(answer, Reply) or not reading.is_document:
            self.broken = True
            return
        self._asked.add(url)
        self.items += items
        try:
            self.url = self._find(paging, answer, reading.document, url, new)
        except FaultError as error:
            self.broken = True
            self.trouble = self.trouble or Fault("next", f"{error.key}: {error.reason}")
            return
        if self.url is not None and self.page >= paging.most:
            self.cut, self.url = True, None
        self.page += self.url is not None

    def _find(self, paging: Paging, answer: Reply, document: object, url: str, new: bool) -> str | None:
        """The URL of the next page, None where there is none. Raises FaultError."""
        found = paging.find(document, self._context(answer, new))
        if found is None:
            return None
        if isinstance(found, dict):
            following = set_parameters(self.first, found)
        else:
            try:
                following = urldefrag(urljoin(answer.url or url, found.strip())).url
            except ValueError:
                raise FaultError("next", "what was found is no URL") from None
            if not _URL.fullmatch(following):
                raise FaultError("next", "the URL holds characters that a URL cannot have, such as spaces")
        if len(following) > LONGEST_URL:
            raise FaultError("next", f"the URL is longer than {LONGEST_URL} characters")
        if origin_of(following) != origin_of(self.first) or "@" in urlsplit(following).netloc:
            raise FaultError(
                "next", f"the page is said to be elsewhere, at {show_origin(following)}, and is not asked for"
            )
        if following in self._asked:
            raise FaultError("next", "the page is said to be one that was read already")
        return following

    def _context(self, answer: Reply, new: bool) -> dict[str, object]:
        """What `next` sees beside the page."""
        links = read_links(answer.links)
        headers = {name.lower(): value for name, value in answer.headers.items()}
        return {"links": links, "headers": headers, "page": self.page, "items": self.items, "new": new}


def set_parameters(url: str, values: dict[str, str]) -> str:
    """A URL with these parameters of its query, in place of those that are called so."""
    parts = urlsplit(url)
    kept = [pair for pair in parts.query.split("&") if pair and not _is_named(pair, values)]
    query = "&".join([*kept, urlencode(values, quote_via=quote, safe="")])
    return parts._replace(query=query).geturl()


def _is_named(pair: str, names: Collection[str]) -> bool:
    """Whether a pair of a query is of one of these names. Others are kept as they are written."""
    return any(name in names for name, _ in parse_qsl(pair, keep_blank_values=True))
