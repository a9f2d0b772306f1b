"""Who asks, as a trusted proxy says that has signed them in: oauth2-proxy and its like."""

import logging
import re

from starlette.requests import Request

from api.identity import Identity, Roles, as_name
from api.peers import Peers

logger = logging.getLogger(__name__)

LONGEST_USER = 256
_MOST_TOLD = 100  # peers that are told of in the log


class ProxyIdentity:
    """Reads the header with the user, and the one with their groups, of requests that come from trusted proxies."""

    def __init__(self, user_header: str, groups_header: str, roles: Roles, peers: Peers) -> None:
        self._user_header = user_header
        self._groups_header = groups_header
        self._roles = roles
        self._peers = peers
        self._told: set[str] = set()

    def identify(self, request: Request) -> Identity | None:
        """Who asks; None where no proxy says so: what others write into the header is ignored, and logged once."""
        users = request.headers.getlist(self._user_header)
        if not users:
            return None
        if not self._peers.is_trusted(request.scope):
            self._tell(self._peers.client(request.scope))
            return None
        user = users[0].strip()
        if len(users) > 1 or not user.isprintable() or not 0 < len(user) <= LONGEST_USER:
            return None
        groups = re.split(r"[,|]", ",".join(request.headers.getlist(self._groups_header)))
        return Identity(as_name(user), self._roles.scopes(group.strip() for group in groups if group.strip()), "proxy")

    def _tell(self, peer: str) -> None:
        if peer in self._told or len(self._told) >= _MOST_TOLD:
            return
        self._told.add(peer)
        logger.warning(
            "%s sends the header %s, and is not in LONGSPAN_TRUSTED_PROXIES: it is ignored", peer, self._user_header
        )
