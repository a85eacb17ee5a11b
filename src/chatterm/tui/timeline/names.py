"""Names of authors, safe for a terminal and remembered."""

import logging
from typing import Final

from textual.cache import LRUCache

from chatproto.text import terminal_safe
from chatterm.client.errors import ClientError
from chatterm.client.ports import CacheReader

log = logging.getLogger(__name__)

KEPT_NAMES: Final = 2_048
UNKNOWN: Final = "Unknown person"


class Names:
    """Looks display names up in the cache, each once until `clear`."""

    def __init__(self, cache: CacheReader) -> None:
        self._cache = cache
        self._known: LRUCache[int, str] = LRUCache(KEPT_NAMES)

    def __call__(self, user_id: int) -> str:
        name = self._known.get(user_id)
        if name is None:
            try:
                user = self._cache.user(user_id)
            except ClientError as error:
                log.warning("the name of %d cannot be read: %s", user_id, error)
                return UNKNOWN
            name = self._known[user_id] = terminal_safe(user.display_name) if user is not None else UNKNOWN
        return name

    def clear(self) -> None:
        """Names may have changed."""
        self._known.clear()
