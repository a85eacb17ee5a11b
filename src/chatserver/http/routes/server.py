"""Operations about the server itself."""

from importlib.metadata import version

from litestar import Response

from chatproto import PROTOCOL_VERSION, codec
from chatproto.rest import Health, Readiness
from chatserver.http.operations import Call, Nothing, Operation
from chatserver.ops.health import HealthChecks


def operations(epoch: str, checks: HealthChecks) -> list[Operation]:
    """Whether the server is alive, and whether it can do its work."""
    health = Health(status="ok", version=version("chatterm"), protocol=PROTOCOL_VERSION, epoch=epoch)

    async def healthz(_call: Call[Nothing, None]) -> Health:
        return health

    async def readyz(_call: Call[Nothing, None]) -> Response[bytes]:
        readiness = await checks.readiness()
        status = 200 if readiness.ready else 503
        return Response(codec.encode(readiness), status_code=status, media_type="application/json")

    return [
        Operation(
            method="GET",
            path="/healthz",
            tag="server",
            summary="The process is alive",
            handler=healthz,
            answer=Health,
            public=True,
            rate="none",
        ),
        Operation(
            method="GET",
            path="/readyz",
            tag="server",
            summary="The server can do its work now; looked at once a second at most",
            handler=readyz,
            answer=Readiness,
            other_statuses={503: "It cannot; `checks` says why."},
            public=True,
            rate="none",
        ),
    ]
