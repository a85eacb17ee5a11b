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
    loop = asyncio.get_running_loop()
    async with contextlib.AsyncExitStack() as undo:
        plain = PlainHttp(listeners.main[0].getsockname()[1], settings.domain)
        if listeners.http:
            await undo.enter_async_context(serving_plain(listeners.http, plain))
        keeper = None
        if settings.domain:
            from chatserver.tls.acme import AcmeKeeper  # noqa: PLC0415 - most servers have files, or no TLS

            keeper = AcmeKeeper(settings, plain)
            await keeper.first()
        live = LiveCertificate(files)
        tasks = [loop.create_task(live.watch(), name="certificate")]
        if keeper is not None:
            tasks.append(loop.create_task(keeper.keep(live), name="renewal"))
        undo.push_async_callback(_ended, tasks)
        yield live


async def _ended(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def gauges(live: LiveCertificate) -> list[Gauge]:
    """What is measured of it."""
    return [
        Gauge(
            "chatserver_certificate_expiry_timestamp_seconds",
            "Unix time at which the certificate in use expires.",
            lambda: live.certificate.not_after,
        )
    ]
