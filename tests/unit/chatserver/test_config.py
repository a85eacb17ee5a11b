"""Settings: which source wins, and that a mistake is named with its place."""

import os
from pathlib import Path

import pytest

from chatserver import config
from chatserver.backends import open_blobs
from chatserver.config import ConfigError
from chatserver.files.threads import DiskThreads
from chatserver.settings import Settings


def load(flags: dict[str, object] | None = None, text: str | None = None, **environ: str) -> Settings:
    file = None
    if text is not None:
        file = Path(os.environ["TEST_FOLDER"]) / "chat.toml"
        file.write_text(text)
    return config.load(flags or {}, file=file, environ={f"CHATSERVER_{name}": value for name, value in environ.items()})


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TEST_FOLDER", str(tmp_path))
    return tmp_path


def test_flags_win_over_environment_over_file_over_defaults() -> None:
    """Each source overrides the next; a flag that was not given overrides nothing."""
    text = 'port = 1\nhost = "0.0.0.0"\nlog_level = "error"\npassword_threads = 2'
    settings = load({"port": 3, "host": None}, text, PORT="2", LOG_LEVEL="debug")
    assert (settings.port, settings.host) == (3, "0.0.0.0")
    assert (settings.log_level, settings.password_threads, settings.access_token_s) == ("debug", 2, 900)


def test_every_kind_of_value_comes_from_each_source(folder: Path) -> None:
    """Numbers, choices, lists and paths, as TOML values and as texts of the environment."""
    expected = ("https://chat.example.org", "http://[::1]:80")
    settings = load(text='allowed_origins = ["https://chat.example.org", "http://[::1]:80"]\ndata = "~/chat"')
    assert settings.allowed_origins == expected
    assert settings.data == Path.home() / "chat"
    settings = load(ALLOWED_ORIGINS="https://chat.example.org, http://[::1]:80", DATA=str(folder))
    assert (settings.allowed_origins, settings.data) == (expected, folder)
    (folder / "other.toml").write_text("port = 4")
    assert load(CONFIG=str(folder / "other.toml")).port == 4


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("\nport = 70000", "line 2, key 'port'"),
        ('port = "80"', "line 1, key 'port'"),
        ("port = true", "line 1, key 'port'"),
        ("[port]\nx = 1", "line 1, key 'port'"),
        ('log_level = "loud"', "line 1, key 'log_level'"),
        ('allowed_origins = ["*"]', "line 1, key 'allowed_origins'"),
        ('allowed_origins = ["https://chat.example.org/path"]', "line 1, key 'allowed_origins'"),
        ("data = 3", "line 1, key 'data'"),
        ('data = ""', "line 1, key 'data'"),
        ('host = ""', "line 1, key 'host'"),
        ("a = 1\nprot = 2", "line 1, key 'a': there is no such setting"),
        ("port = \n", "at line 1"),
        ("\0", "not valid TOML"),
    ],
)
def test_a_mistake_in_the_file_is_named_with_its_place(folder: Path, text: str, place: str) -> None:
    """One paragraph: the file, the line and key, and what to do."""
    with pytest.raises(ConfigError) as caught:
        load(text=text)
    message = str(caught.value)
    assert str(folder / "chat.toml") in message
    assert place in message
    assert message.endswith(".")
    assert "\n" not in message


def test_a_mistake_elsewhere_is_named_too(folder: Path) -> None:
    """A variable, a flag, a file that is missing, and one that is no text."""
    with pytest.raises(ConfigError, match="CHATSERVER_PORT"):
        load(PORT="x")
    with pytest.raises(ConfigError, match="--port"):
        load({"port": 70_000})
    with pytest.raises(ConfigError, match="No such file"):
        load(CONFIG=str(folder / "missing"))
    with pytest.raises(ConfigError, match="cannot be read"):
        config.load({}, file=folder, environ={})
    (folder / "binary").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="not UTF-8"):
        config.load({}, file=folder / "binary", environ={})


def test_the_default_folder_can_be_written_to(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The system's folder where it may be used, else the user's own."""
    monkeypatch.setattr(config, "SYSTEM_DATA", folder / "missing")
    assert config.load({}, environ={"XDG_DATA_HOME": "/data"}).data == Path("/data/chatserver")
    assert config.load({}, environ={"XDG_DATA_HOME": "relative"}).data == Path.home() / ".local/share/chatserver"
    monkeypatch.setattr(config, "SYSTEM_DATA", folder)
    assert config.load({}, environ={}).data == folder


def test_mail_settings_that_cannot_work_together(folder: Path) -> None:
    """A server without a sender, a password in the open, files that cannot be read; no message shows a password."""
    mail = 'smtp_host = "mail.example.org"\nsmtp_from = "Chat <chat@example.org>"\n'
    (folder / "secret").write_text("from the file\r\nnot this\n")
    settings = load(text=mail + f'smtp_password_file = "{folder / "secret"}"')
    assert (settings.smtp_port, settings.smtp_tls, config.smtp_password(settings)) == (587, "starttls", "from the file")
    assert config.smtp_password(load(text=mail, SMTP_PASSWORD="from the environment")) == "from the environment"
    load(text=mail.replace("mail.example.org", "127.0.0.1") + 'smtp_tls = "none"\nsmtp_user = "chat"')
    for text, word in (
        ('smtp_host = "mail.example.org"', "smtp_from"),
        (mail + 'smtp_tls = "none"\nsmtp_user = "chat"', "smtp_tls"),
        (mail + 'smtp_password_file = "/missing"', "smtp_password_file"),
        (mail + 'smtp_ca_file = "/missing"', "smtp_ca_file"),
    ):
        with pytest.raises(ConfigError, match=word):
            load(text=text)
    with pytest.raises(ConfigError) as caught:
        load(text="smtp_password = 12345")
    assert "12345" not in str(caught.value)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "chat.example.org"])
def test_limits_are_never_off_where_others_can_connect(host: str) -> None:
    """A benchmark's settings must not end up on a public server."""
    with pytest.raises(ConfigError, match=r"limits_enabled.*127\.0\.0\.1"):
        load({"host": host}, LIMITS_ENABLED="false")
    assert load({"host": host}).limits_enabled


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.0.1", "::1", "localhost"])
def test_limits_may_be_off_on_a_loopback_address(host: str) -> None:
    """For tests and benchmarks."""
    assert not load({"host": host}, LIMITS_ENABLED="false").limits_enabled


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ('limit_read = "many"', "key 'limit_read'"),
        ('limit_read = "0/second"', "key 'limit_read'"),
        ('limit_read = "5/fortnight"', "key 'limit_read'"),
        ('trusted_proxies = ["proxy.example.org"]', "key 'trusted_proxies'"),
        ('trusted_proxies = ["10.0.0.1/8"]', "'trusted_proxies': 10.0.0.1/8 has host bits set"),
        ('metrics_address = "9465"', "key 'metrics_address'"),
    ],
)
def test_protection_that_would_not_work_is_named(text: str, place: str) -> None:
    """Instead of a server that is less protected than its owner believes."""
    with pytest.raises(ConfigError) as refused:
        load(text=text)
    assert place in str(refused.value)


def test_files_in_a_bucket_need_its_name(folder: Path) -> None:
    """A server that could not keep files does not start; a key that cannot be used is not repeated."""
    with pytest.raises(ConfigError, match="s3_bucket"):
        open_blobs(load(FILE_STORAGE="s3"), folder, DiskThreads())
    with pytest.raises(ConfigError) as caught:
        load(S3_SECRET_ACCESS_KEY="hush" * 1_000)
    assert "hush" not in str(caught.value)
