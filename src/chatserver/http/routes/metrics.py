"""The operations that give what is measured, to those who may see it."""

import ipaddress
from collections.abc import Awaitable, Callable, Collection, Sequence
from functools import cache
from typing import Final

from litestar import Response

from chatproto.errors import ChatError
from chatserver.http.operations import Call, Nothing, Operation, Raw
from chatserver.http.requests import HttpRequest
from chatserver.measures import Gauge
from chatserver.ops.reading import Reading
from chatserver.ops.readings import TakeReading

_FORWARDED: Final = ("x-forwarded-for", "forwarded", "via")


def operations(
    gauges: Sequence[Gauge],
    refresh: Callable[[], Awaitable[None]],
    networks: Collection[str],
    take_reading: TakeReading,
) -> list[Operation]:
    """Metrics for clients in these networks who ask directly; all others find nothing at these addresses."""
    only_for_readers = _gate(networks)

    @cache
    def give() -> Callable[[str], tuple[bytes, str]]:
        # Loads Prometheus' client, which most servers never need.
        from chatserver.ops.metrics import exposition  # noqa: PLC0415 - see above

        return exposition(gauges)

    async def get_metrics(call: Call[Nothing, None]) -> Response[bytes]:
        only_for_readers(call.request)
        await refresh()
        content, media_type = give()(call.request.headers.get("accept", ""))
        return Response(content, headers={"Content-Type": media_type})

    async def get_reading(call: Call[Nothing, None]) -> Reading:
        only_for_readers(call.request)
        return await take_reading()

    return [
        Operation(
            method="GET",
            path="/metrics",
            tag="server",
            summary="Prometheus metrics, for the networks that the server's owner allows",
            handler=get_metrics,
            answer=Raw("text/plain", "The text format of Prometheus, or OpenMetrics if that is asked for."),
            errors=("notFound",),
            public=True,
        ),
        Operation(
            method="GET",
            path="/metrics.json",
            tag="server",
            summary="The same as JSON, with the busiest chats and the slowest statements, for the same networks",
            handler=get_reading,
            answer=Reading,
            errors=("notFound",),
            public=True,
        ),
    ]


def _gate(networks: Collection[str]) -> Callable[[HttpRequest], None]:
    """Raises `notFound` for a request that does not come directly from one of these networks."""
    allowed = [ipaddress.ip_network(network) for network in networks]

    def only_for_readers(request: HttpRequest) -> None:
        # A proxy on this machine would make everybody local.
        if request.client is None or any(name in request.headers for name in _FORWARDED):
            raise ChatError("notFound")
        try:
            address = ipaddress.ip_address(request.client.host)
        except ValueError:
            raise ChatError("notFound") from None
        if not any(address in network for network in allowed):
            raise ChatError("notFound")

    return only_for_readers
