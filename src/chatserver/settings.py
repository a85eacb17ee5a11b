"""Everything that can be set on the server: names, types, bounds, defaults and what each is for."""

from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from chatproto import limits

MIB: Final = 1_048_576

Origin = Annotated[str, Meta(pattern=r"^https?://[a-z0-9.:\[\]-]+$")]
Rate = Annotated[str, Meta(pattern=r"^[1-9][0-9]{0,8}/(second|minute|hour|day)$")]
"""How often, such as `600/minute`; counted over a sliding window of that length."""
Network = Annotated[str, Meta(pattern=r"^[0-9a-f.:]{2,45}(/[0-9]{1,3})?$")]
"""An address or a network, such as `10.0.0.0/8`."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that can be set. A field's name is its key in the file; CHATSERVER_NAME is its variable."""

    data: Path
    """Folder of the database; made if missing, readable by its owner only."""
    host: Annotated[str, Meta(min_length=1, max_length=255)] = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65_535)] = 8765
    """0 takes a free port."""
    tls_certificate: Path | None = None
    """Certificate (PEM, with its intermediates, the server's own first): the server then speaks HTTPS and WSS only."""
    tls_key: Path | None = None
    """Its private key (PEM); without this setting it is in the same file."""
    domain: tuple[Annotated[str, Meta(max_length=253)], ...] = ()
    """Names of this server, such as `chat.example.org`, for which it gets a certificate by itself (ACME)."""
    acme_email: Annotated[str, Meta(max_length=254)] = ""
    """Where the CA reaches the server's owner."""
    acme_agree_tos: bool = False
    """Whether the owner agrees to the CA's terms of service; without that no certificate can be had."""
    acme_directory: Annotated[str, Meta(pattern=r"^(letsencrypt|letsencrypt-staging|https://[^\s]+)$")] = "letsencrypt"
    """Which CA: `letsencrypt`, `letsencrypt-staging` (for trying out: not trusted by clients), or a directory's URL."""
    acme_ca_file: Path | None = None
    """Certificates (PEM) to trust in place of the usual ones when talking to the CA."""
    http_port: Annotated[int, Meta(ge=0, le=65_535)] | None = None
    """Port for plain HTTP, which answers the CA and sends everybody else to https: 80 with `domain`, none otherwise."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["text", "json"] = "text"
    metrics_address: Annotated[str, Meta(pattern=r"^(|[A-Za-z0-9.-]+:[0-9]{1,5}|\[[0-9a-f:.]+\]:[0-9]{1,5})$")] = ""
    """An address of their own for the metrics, such as `127.0.0.1:9465`; anybody who reaches it may read them. If
    empty, they are at `/metrics` of the server's address, for `metrics_networks` alone."""
    metrics_networks: tuple[Network, ...] = ("127.0.0.0/8", "::1")
    """Who may read `/metrics`, as long as no proxy is between."""
    disk_free_min_bytes: Annotated[int, Meta(ge=0)] = 100 * 1_048_576
    """With less free space than this on the disk of `data`, `/readyz` says that the server is not ready."""
    allowed_origins: tuple[Origin, ...] = ()
    """Web origins that may open a WebSocket and read answers of the REST API, e.g. `https://chat.example.org`; clients
    without an origin always may."""
    trusted_proxies: tuple[Network, ...] = ()
    """Proxies whose X-Forwarded-For and X-Forwarded-Proto are believed; nobody else's are."""
    access_token_s: Annotated[int, Meta(ge=30, le=86_400)] = 900
    """Seconds an access token is valid."""
    refresh_token_s: Annotated[int, Meta(ge=3_600, le=10 * 365 * 86_400)] = 90 * 86_400
    """Seconds a session lives without being used."""
    sessions_max: Annotated[int, Meta(ge=1, le=10_000)] = 100
    """Sessions of one user; one more ends the one used longest ago."""
    registration: Literal["closed", "invite", "open"] = "closed"
    """Who may make an account: nobody (the server's owner adds users), people with an invitation, or everybody."""
    member_invites: bool = False
    """Whether users may invite others, unless registration is closed."""
    reset_code_s: Annotated[int, Meta(ge=300, le=30 * 86_400)] = 86_400
    """Seconds a code that resets a password can be used."""
    smtp_host: Annotated[str, Meta(max_length=255)] = ""
    """The SMTP server that takes mails with reset codes; without one, codes come from `chatserver user reset-code`."""
    smtp_port: Annotated[int, Meta(ge=1, le=65_535)] = 587
    smtp_tls: Literal["starttls", "tls", "none"] = "starttls"
    """How the connection is encrypted: after it is made (587), from the beginning (465), or not at all."""
    smtp_user: Annotated[str, Meta(max_length=255)] = ""
    """Whom to log in as; empty: do not log in."""
    smtp_password: Annotated[str, Meta(max_length=1_024)] = ""
    smtp_password_file: Path | None = None
    """A file whose first line is the password, in place of `smtp_password`."""
    smtp_from: Annotated[str, Meta(max_length=320)] = ""
    """The sender of mails, e.g. `Chat <chat@example.org>`."""
    smtp_ca_file: Path | None = None
    """Certificates (PEM) to trust in place of the system's."""
    password_threads: Annotated[int, Meta(ge=1, le=16)] = 1
    """Threads that hash passwords; each can keep one core busy while many people sign in at once."""
    password_waiting: Annotated[int, Meta(ge=0, le=10_000)] = 64
    """Sign-ins that may wait for a thread; more are told to try again."""
    outbox_bytes: Annotated[int, Meta(ge=65_536, le=1 << 30)] = 1_048_576
    """Bytes that may wait for one slow connection before it is closed."""
    user_sockets: Annotated[int, Meta(ge=1, le=10_000)] = 50
    """WebSockets that one user may have open at a time; further ones are refused until one ends."""
    push: bool = True
    """Whether users may register endpoints that are told of messages while they are away (Web Push)."""
    push_previews: bool = True
    """Whether pushes carry the beginning of the message; they are encrypted for the receiver either way."""
    push_contact: Annotated[str, Meta(max_length=254)] = ""
    """How push services reach the server's owner: `mailto:owner@example.org` or an https address. Some require it."""
    push_delay_s: Annotated[float, Meta(ge=0, le=3_600)] = 2.0
    """Seconds a message may be seen on a connected device before it is pushed."""
    push_interval_s: Annotated[float, Meta(ge=0, le=86_400)] = 30.0
    """Least seconds between two pushes for one chat to one user."""
    push_allowed_networks: tuple[Network, ...] = ()
    """Networks that are not public and yet may be pushed to, such as that of an ntfy server: `10.1.0.0/16`."""
    push_ca_file: Path | None = None
    """Certificates to trust besides the system's, for an ntfy server with a certificate of its own."""
    file_max_bytes: Annotated[int, Meta(ge=1, le=limits.FILE_SIZE_MAX)] = 100 * MIB
    """Bytes of one file."""
    file_user_bytes: Annotated[int, Meta(ge=1)] = 5_120 * MIB
    """Bytes of all files of one user, uploads under way included."""
    file_total_bytes: Annotated[int, Meta(ge=1)] = 51_200 * MIB
    """Bytes of all users' files together, counted before equal content is stored once only."""
    file_reserve_bytes: Annotated[int, Meta(ge=0)] = 256 * MIB
    """Bytes of the disk that uploads leave free, so that messages can be stored when files have filled it."""
    file_grace_s: Annotated[int, Meta(ge=60)] = 86_400
    """Seconds after which a file that no message shows is removed."""
    upload_expiry_s: Annotated[int, Meta(ge=60)] = 86_400
    """Seconds after which an upload without progress is dropped."""
    retention_days: Annotated[float, Meta(ge=0, le=limits.RETENTION_DAYS_MAX)] = 0.0
    """Days, or a part of one, after which messages and all else in a chat's log are removed; 0: never. Chats may have
    another rule, see `chatserver retention`."""
    retention_interval_s: Annotated[float, Meta(ge=1, le=86_400)] = 3_600.0
    """Seconds between two rounds of removing."""
    file_storage: Literal["disk", "s3"] = "disk"
    """Where the content of files is kept: in the data folder, or in a bucket (needs the extra `s3`)."""
    s3_bucket: Annotated[str, Meta(max_length=255)] = ""
    s3_endpoint: Annotated[str, Meta(pattern=r"^(https?://[^\s/]+/?)?$")] = ""
    """Address of S3-compatible storage, e.g. `https://s3.example.org`; without it that of AWS."""
    s3_region: Annotated[str, Meta(max_length=64)] = ""
    s3_prefix: Annotated[str, Meta(max_length=255)] = ""
    """Folder within the bucket."""
    s3_access_key_id: Annotated[str, Meta(max_length=1_024)] = ""
    s3_secret_access_key: Annotated[str, Meta(max_length=1_024)] = ""
    """Without keys the usual AWS variables and instance roles are tried. Prefer the variable to the file."""

    backup_dir: Path | None = None
    """Folder that `serve` puts backups into, made if missing; it may be on another disk. See docs/backups.md."""
    backup_s3_bucket: Annotated[str, Meta(max_length=255)] = ""
    """Bucket that `serve` puts backups into (needs the extra `s3`), besides or in place of `backup_dir`."""
    backup_s3_endpoint: Annotated[str, Meta(pattern=r"^(https?://[^\s/]+/?)?$")] = ""
    backup_s3_region: Annotated[str, Meta(max_length=64)] = ""
    backup_s3_prefix: Annotated[str, Meta(max_length=255)] = ""
    backup_s3_access_key_id: Annotated[str, Meta(max_length=1_024)] = ""
    backup_s3_secret_access_key: Annotated[str, Meta(max_length=1_024)] = ""
    """As the settings `s3_...`, for backups."""
    backup_interval_s: Annotated[int, Meta(ge=60, le=366 * 86_400)] = 86_400
    """Seconds from one backup to the next."""
    backup_keep_last: Annotated[int, Meta(ge=1, le=10_000)] = 7
    """Newest backups that are kept whatever their age; older ones as the next three settings say."""
    backup_keep_daily: Annotated[int, Meta(ge=0, le=10_000)] = 7
    """Of so many of the last days that have backups, the newest one is kept."""
    backup_keep_weekly: Annotated[int, Meta(ge=0, le=10_000)] = 4
    """Weeks, likewise."""
    backup_keep_monthly: Annotated[int, Meta(ge=0, le=10_000)] = 6
    """Months, likewise."""
    backup_passphrase_file: Path | None = None
    """A file whose first line is the passphrase that backups are encrypted with; without it they are not."""
    backup_verify: bool = True
    """Whether each backup is read again and checked as `chatserver verify` does."""
    backup_scratch_dir: Path | None = None
    """Folder for the copy of the database while a backup is made or verified; without it beside the backup, or in the
    data folder if the backup is not a file."""
    backup_before_migration: bool = True
    """Whether a copy of the database is kept before an upgrade changes its schema; `chatserver rollback` needs it."""

    limits_enabled: bool = True
    """Whether anything is limited in rate; may only be switched off on a loopback address, for tests and benchmarks."""
    limit_read: Rate = "6000/minute"
    """Requests of one user that only read; of one address where no sign-in is needed. So are the next four."""
    limit_write: Rate = "1200/minute"
    """Requests that change something."""
    limit_search: Rate = "300/minute"
    """Searches."""
    limit_upload: Rate = "600/minute"
    """Uploads."""
    limit_sign_in: Rate = "60/minute"
    """Tries to sign in."""
    limit_account: Rate = "10/minute"
    """Tries to sign in to one account, wherever they come from."""
    limit_address: Rate = "60000/minute"
    """Requests from one address (of IPv6: from one /64), whoever asks."""
    limit_handshake: Rate = "1200/minute"
    """TLS connections begun from one address, whatever becomes of them."""
    limit_connect: Rate = "1200/minute"
    """WebSockets opened from one address."""
    limit_messages: Rate = "20000/minute"
    """Messages sent by one user."""
    limit_frames: Rate = "12000/minute"
    """Other WebSocket frames from one user."""
    address_sockets: Annotated[int, Meta(ge=1, le=1_000_000)] = 1_000
    """WebSockets that one address may have open."""

    @property
    def tls(self) -> bool:
        """Whether the server itself speaks TLS."""
        return self.tls_certificate is not None or bool(self.domain)
