"""TLS of one server: its certificate from files or by ACME, watched; and plain HTTP beside it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from chatserver.listening import Listeners
from chatserver.measures import Gauge
from chatserver.settings import Settings
from chatserver.tls.certificate import files_of
from chatserver.tls.live import LiveCertificate
from chatserver.tls.plain import PlainHttp, serving_plain


@contextlib.asynccontextmanager
async def open_tls(settings: Settings, listeners: Listeners) -> AsyncIterator[LiveCertificate | None]:
    """The certificate in use, kept current within the block; None if the server speaks no TLS.

    Raises `CertificateError`.
    """
    files = files_of(settings)
    if files is None:
        yield None
        return
    async with contextlib.AsyncExitStack() as undo:
        if listeners.http:
            application = PlainHttp(listeners.main[0].getsockname()[1], settings.domain)
            await undo.enter_async_context(serving_plain(listeners.http, application))
        live = LiveCertificate(files)
        watching = asyncio.get_running_loop().create_task(live.watch(), name="certificate")
        undo.callback(watching.cancel)
        yield live


def gauges(live: LiveCertificate) -> list[Gauge]:
    """What is measured of it."""
    return [
        Gauge(
            "chatserver_certificate_expiry_timestamp_seconds",
            "Unix time at which the certificate in use expires.",
            lambda: live.certificate.not_after,
        )
    ]
