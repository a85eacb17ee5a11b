"""The certificate in use: taken over anew when its files change, and never replaced by one that cannot be used."""

import asyncio
import logging
import ssl
import time
from collections.abc import Callable
from typing import Final

from chatserver import measures
from chatserver.tls.certificate import Certificate, CertificateError, PairFiles, read

_log = logging.getLogger("chatserver.tls")

_LOOK_S: Final = 5.0
"""Seconds between two looks at the files. They are read when two looks agree, so rarely while they are written."""
_DAY_S: Final = 86_400.0
_WARN_SHARE: Final = 6
"""Warn in the last sixth of a certificate's life: after whatever renews it should have done so, and in time."""

_reloads = measures.counter(
    "chatserver_certificate_reloads", "Certificates taken over, or refused, while running.", "outcome"
)


class LiveCertificate:
    """What new connections are greeted with. Old ones keep what they began with."""

    def __init__(self, files: PairFiles, *, look_s: float = _LOOK_S, clock: Callable[[], float] = time.time) -> None:
        """Raises `CertificateError`."""
        self._files = files
        self._look_s = look_s
        self._clock = clock
        self._taken = self._seen = files.signature()
        self.certificate: Certificate
        self.context: ssl.SSLContext
        self.certificate, self.context = read(files)
        self._warned_at = 0.0
        self._tell()

    def reload(self) -> bool:
        """Read the files now; whether what they hold is in use. Otherwise the log says why not."""
        self._taken = self._seen = self._files.signature()
        try:
            self.certificate, self.context = read(self._files)
        except CertificateError as error:
            _reloads.add(1, "refused")
            _log.error("the new certificate is refused, the one before stays in use: %s", error)
            return False
        _reloads.add(1, "taken")
        self._tell()
        return True

    async def watch(self) -> None:
        """Take over what changes, until cancelled."""
        while True:
            await asyncio.sleep(self._look_s)
            self._look()

    async def judge(self) -> str:
        """What is wrong with the certificate in use, if anything; see `ops/health.py`."""
        return "" if self._clock() < self.certificate.not_after else f"It expired on {self.certificate.ends}."

    def _look(self) -> None:
        now = self._files.signature()
        settled, self._seen = now == self._seen, now
        if settled and now is not None and now != self._taken:
            self.reload()
        elif self._clock() - self._warned_at >= _DAY_S:
            self._warn()

    def _tell(self) -> None:
        found = self.certificate
        _log.info("certificate in use", extra={"names": ",".join(found.names), "expires": found.ends})
        if self._files.key_is_open:
            _log.warning("every user of this machine may read the key %s: chmod 600 it", self._files.key)
        self._warn()

    def _warn(self) -> None:
        found, now = self.certificate, self._clock()
        self._warned_at = now
        if now >= found.not_after:
            _log.error("the certificate expired on %s: clients refuse to connect. Renew it", found.ends)
        elif now < found.not_before:
            _log.error("the certificate is not valid yet: clients refuse to connect. Check this machine's clock")
        elif found.not_after - now < (found.not_after - found.not_before) / _WARN_SHARE:
            _log.warning("the certificate expires on %s, and nothing has renewed it yet", found.ends)
