"""Where the server's settings come from: flags over environment (CHATSERVER_*) over a TOML file over defaults."""

import ipaddress
import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from chatserver.settings import Settings

ENV_PREFIX: Final = "CHATSERVER_"
_DOMAIN: Final = re.compile(r"^(?=.{4,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])$")
"""A host name as RFC 1123 section 2.1 has it, of two labels at least; the last one tells it from an address."""
_DOMAINS_MAX: Final = 100
"""Names of one certificate at Let's Encrypt, https://letsencrypt.org/docs/rate-limits/."""
_EMAIL: Final = re.compile(r"^[^@\s,;<>]+@[^@\s,;<>]+$")
SYSTEM_DATA: Final = Path("/var/lib/chatserver")


class ConfigError(Exception):
    """A setting cannot be used; the text names where it stands and what to do."""


_FIELDS: Final = {field.name: field for field in msgspec.structs.fields(Settings)}
SECRETS: Final = frozenset({"s3_secret_access_key", "smtp_password", "backup_s3_secret_access_key"})
"""Settings whose values no message may show."""
SECRET_FILES: Final = frozenset({"backup_passphrase_file", "smtp_password_file", "tls_key"})
"""Settings that name files which are not for everybody."""


def load(flags: Mapping[str, Any], *, file: Path | None = None, environ: Mapping[str, str] = os.environ) -> Settings:
    """Settings from all sources; flags that are None count as not given. Raises `ConfigError`."""
    file = file_of(file, environ)
    values: dict[str, Any] = _from_file(file) if file else {}
    values |= _from_environment(environ)
    for name, flag in flags.items():
        if flag is not None:
            values[name] = _converted(name, flag, f"--{name.replace('_', '-')}")
    if "data" not in values:
        values["data"] = default_data_dir(environ)
    if values.get("tls_certificate") or values.get("domain"):  # for clients everywhere, at the usual ports
        values.setdefault("host", "*")
        values.setdefault("port", 443)
    if values.get("domain"):
        values["domain"] = tuple(name.lower().removesuffix(".") for name in values["domain"])
        values.setdefault("http_port", 80)
    settings = Settings(**values)
    _check(settings)
    return settings


def file_of(flag: Path | None, environ: Mapping[str, str] = os.environ) -> Path | None:
    """The TOML file that is read, given what `--config` says."""
    variable = environ.get(ENV_PREFIX + "CONFIG")
    return flag or (Path(variable) if variable else None)


def is_loopback(host: str) -> bool:
    """Whether an address to listen on can only be reached from this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _check(settings: Settings) -> None:
    """What only several settings together tell, or what takes more than a pattern."""
    _check_mail(settings)
    _check_tls(settings)
    _check_backups(settings)
    if not settings.limits_enabled and not is_loopback(settings.host):
        raise ConfigError(
            f"The setting 'limits_enabled' is false, but the server listens on {settings.host}. "
            "Switch limits off only on 127.0.0.1, or leave them on."
        )
    for name in ("trusted_proxies", "metrics_networks", "push_allowed_networks"):
        for network in getattr(settings, name):
            try:
                ipaddress.ip_network(network)
            except ValueError as error:
                raise ConfigError(f"The setting '{name}': {error}. Write networks such as 10.0.0.0/8.") from None


def smtp_password(settings: Settings) -> str:
    """The password for the SMTP server, from its file if there is one. Raises `ConfigError`."""
    if settings.smtp_password_file is None:
        return settings.smtp_password
    try:
        return settings.smtp_password_file.read_text(encoding="utf-8").partition("\n")[0].removesuffix("\r")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"The file of the setting 'smtp_password_file', {settings.smtp_password_file}, cannot be read: {error}. "
            "Make it a text file that this user may read."
        ) from error


def backup_passphrase(settings: Settings) -> str | None:
    """What backups are encrypted with; None if they are not. Raises `ConfigError`."""
    file = settings.backup_passphrase_file
    return None if file is None else passphrase_in(file, "of the setting 'backup_passphrase_file', ")


def passphrase_in(file: Path, what: str = "") -> str:
    """The first line of a file, which must not be empty. Raises `ConfigError`."""
    try:
        passphrase = file.read_text(encoding="utf-8").partition("\n")[0].removesuffix("\r")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ConfigError(
            f"The passphrase file {what}{file} cannot be read: {reason}. Make it a text file that this user may read."
        ) from error
    if not passphrase:
        raise ConfigError(f"The first line of the passphrase file {what}{file} is empty. Write the passphrase there.")
    return passphrase


def _check_backups(settings: Settings) -> None:
    if settings.backup_s3_endpoint and not settings.backup_s3_bucket:
        raise ConfigError("The setting 'backup_s3_endpoint' needs 'backup_s3_bucket' too. Name the bucket.")
    if settings.backup_dir is not None and settings.backup_dir.resolve() == settings.data.resolve():
        raise ConfigError("The setting 'backup_dir' is the data folder itself. Choose another, best on another disk.")
    if settings.backup_dir is not None or settings.backup_s3_bucket:
        backup_passphrase(settings)


def _check_mail(settings: Settings) -> None:
    if not settings.smtp_host:
        return
    if "@" not in settings.smtp_from or not settings.smtp_from.isprintable():
        raise ConfigError("The setting 'smtp_host' needs 'smtp_from' too: an address such as chat@example.org.")
    if settings.smtp_tls == "none" and settings.smtp_user and not is_loopback(settings.smtp_host):
        raise ConfigError(
            f"The setting 'smtp_tls' is 'none', so the password of 'smtp_user' would cross the network to "
            f"{settings.smtp_host} in the open. Use 'starttls' or 'tls'."
        )
    smtp_password(settings)
    if settings.smtp_ca_file is not None and not os.access(settings.smtp_ca_file, os.R_OK):
        raise ConfigError(f"The setting 'smtp_ca_file': {settings.smtp_ca_file} cannot be read.")


def _check_tls(settings: Settings) -> None:
    if settings.tls_key is not None and settings.tls_certificate is None:
        raise ConfigError("The setting 'tls_key' needs 'tls_certificate' too: the certificate of that key.")
    if settings.tls_certificate is not None and settings.domain:
        raise ConfigError(
            "The settings 'tls_certificate' and 'domain' exclude each other: with 'domain' the server gets its "
            "certificate by itself. Keep one of them."
        )
    if settings.http_port is not None and not settings.tls:
        raise ConfigError("The setting 'http_port' is for servers with TLS. Use 'port', or set 'domain' too.")
    if settings.domain:
        _check_acme(settings)


def _check_acme(settings: Settings) -> None:
    for name in settings.domain:
        if not _DOMAIN.match(name):
            raise ConfigError(
                f"The setting 'domain': {name!r} is not a name that a certificate can be had for. Write it like "
                "chat.example.org: not an address, no wildcard, no port, and letters beyond ASCII as xn--..."
            )
    if len(settings.domain) > _DOMAINS_MAX:
        raise ConfigError(
            f"The setting 'domain' has more than {_DOMAINS_MAX} names. One certificate has no room for more."
        )
    if not settings.acme_agree_tos:
        raise ConfigError(
            "With 'domain' the CA's terms of service must be agreed to (https://letsencrypt.org/repository for "
            "Let's Encrypt). Read them and give --acme-agree-tos, or acme_agree_tos = true."
        )
    if settings.acme_email and not _EMAIL.match(settings.acme_email):
        raise ConfigError(f"The setting 'acme_email': {settings.acme_email!r} is not an email address.")
    if settings.acme_ca_file is not None and not os.access(settings.acme_ca_file, os.R_OK):
        raise ConfigError(f"The setting 'acme_ca_file': {settings.acme_ca_file} cannot be read.")


def default_data_dir(environ: Mapping[str, str] = os.environ) -> Path:
    """`/var/lib/chatserver` where this user may write to it, else the user's own data folder."""
    if os.access(SYSTEM_DATA, os.W_OK):
        return SYSTEM_DATA
    base = environ.get("XDG_DATA_HOME") or ""
    return (Path(base) if Path(base).is_absolute() else Path.home() / ".local" / "share") / "chatserver"


def _from_file(file: Path) -> dict[str, Any]:
    try:
        text = file.read_text(encoding="utf-8")
        content = tomllib.loads(text)
    except OSError as error:
        raise ConfigError(
            f"The config file {file} cannot be read: {error.strerror}. Check the path given with --config."
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"The config file {file} is not UTF-8 text. Save it as UTF-8.") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"The config file {file} is not valid TOML: {error}. Correct that line.") from error
    values = {}
    for name, value in content.items():
        place = f"{file}{_line_of(name, text)}, key '{name}'"
        if name not in _FIELDS:
            raise ConfigError(f"{place}: there is no such setting. Remove it; these exist: {', '.join(_FIELDS)}.")
        values[name] = _converted(name, value, place)
    return values


def _line_of(name: str, text: str) -> str:
    for number, line in enumerate(text.splitlines(), start=1):
        if re.match(rf"\s*\[*[\"']?{re.escape(name)}[\"']?\s*[=.\]]", line):
            return f", line {number}"
    return ""


def _from_environment(environ: Mapping[str, str]) -> dict[str, Any]:
    values = {}
    for name, field in _FIELDS.items():
        variable = ENV_PREFIX + name.upper()
        value: Any = environ.get(variable)
        if value:
            if field.default == ():
                value = [part.strip() for part in value.split(",") if part.strip()]
            values[name] = _converted(name, value, f"The environment variable {variable}", strict=False)
    return values


def _converted(name: str, value: Any, place: str, *, strict: bool = True) -> Any:
    try:
        return msgspec.convert(value, _FIELDS[name].type, strict=strict, dec_hook=_decode_path)
    except msgspec.ValidationError as error:
        given = "" if name in SECRETS else f", but it is {value!r}"
        raise ConfigError(f"{place}: {error}{given}. Correct it, or leave it out.") from error


def _decode_path(kind: type, value: Any) -> Any:
    if kind is Path and isinstance(value, Path):
        return value
    if kind is Path and isinstance(value, str) and value and "\0" not in value:
        return Path(value).expanduser()
    raise msgspec.ValidationError("Expected a path")
