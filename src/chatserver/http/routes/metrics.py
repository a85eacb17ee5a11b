"""The operation that gives the metrics, to those who may see them."""

import ipaddress
from collections.abc import Callable, Collection, Sequence
from functools import cache
from typing import Final

from litestar import Response

from chatproto.errors import ChatError
from chatserver.http.operations import Call, Nothing, Operation, Raw
from chatserver.http.requests import HttpRequest
from chatserver.measures import Gauge

_FORWARDED: Final = ("x-forwarded-for", "forwarded", "via")


def operations(gauges: Sequence[Gauge], networks: Collection[str]) -> list[Operation]:
    """Metrics for clients in these networks who ask directly; all others find nothing at this address."""
    allowed = [ipaddress.ip_network(network) for network in networks]

    @cache
    def give() -> Callable[[str], tuple[bytes, str]]:
        # Loads Prometheus' client, which most servers never need.
        from chatserver.ops.metrics import exposition  # noqa: PLC0415 - see above

        return exposition(gauges)

    def may_read(request: HttpRequest) -> bool:
        # A proxy on this machine would make everybody local.
        if request.client is None or any(name in request.headers for name in _FORWARDED):
            return False
        try:
            address = ipaddress.ip_address(request.client.host)
        except ValueError:
            return False
        return any(address in network for network in allowed)

    async def get_metrics(call: Call[Nothing, None]) -> Response[bytes]:
        if not may_read(call.request):
            raise ChatError("notFound")
        content, media_type = give()(call.request.headers.get("accept", ""))
        return Response(content, headers={"Content-Type": media_type})

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
        )
    ]
