"""One mail to one SMTP server (RFC 5321), encrypted unless the settings say otherwise."""

import ssl
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from typing import Final, Literal

_TIMEOUT_S: Final = 20.0
_PERMANENT: Final = 500
"""Reply codes from here on mean that trying again is of no use (RFC 5321 section 4.2.1)."""

Tls = Literal["starttls", "tls", "none"]


class MailError(Exception):
    """A mail was not taken. `temporary`: it may be later."""

    def __init__(self, reason: str, *, temporary: bool) -> None:
        super().__init__(reason)
        self.temporary = temporary


@dataclass(frozen=True, slots=True)
class SmtpServer:
    """Where mail is handed in. `ca_file` holds the certificates to trust in place of the system's."""

    host: str
    port: int
    tls: Tls
    sender: str
    user: str = ""
    password: str = ""
    ca_file: Path | None = None


async def send(server: SmtpServer, message: EmailMessage) -> None:
    """Hand a mail over; the SMTP server has it when this returns. Raises `MailError`."""
    import aiosmtplib  # noqa: PLC0415 - only a server that sends mail needs it

    try:
        await aiosmtplib.send(
            message,
            hostname=server.host,
            port=server.port,
            username=server.user or None,
            password=server.password or None,
            use_tls=server.tls == "tls",
            start_tls=server.tls == "starttls",
            tls_context=None if server.tls == "none" else ssl.create_default_context(cafile=server.ca_file),
            timeout=_TIMEOUT_S,
        )
    except aiosmtplib.SMTPResponseException as error:
        raise MailError(f"it answered {error.code}", temporary=error.code < _PERMANENT) from error
    except aiosmtplib.SMTPRecipientsRefused as error:
        codes = [refused.code for refused in error.recipients]
        raise MailError(f"it answered {codes}", temporary=any(code < _PERMANENT for code in codes)) from error
    except (aiosmtplib.SMTPException, OSError) as error:
        raise MailError(str(error) or type(error).__name__, temporary=True) from error
