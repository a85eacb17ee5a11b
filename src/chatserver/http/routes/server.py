"""Operations about the server itself."""

from importlib.metadata import version

from chatproto import PROTOCOL_VERSION
from chatproto.rest import Health
from chatserver.http.operations import Call, Nothing, Operation


def operations(epoch: str) -> list[Operation]:
    """Whether the server is alive."""
    health = Health(status="ok", version=version("chatterm"), protocol=PROTOCOL_VERSION, epoch=epoch)

    async def healthz(_call: Call[Nothing, None]) -> Health:
        return health

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
        )
    ]
