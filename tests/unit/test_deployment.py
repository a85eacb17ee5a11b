"""What an owner deploys: the sample of settings, the units, and the commands of the page exist and can be used."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from chatserver import config
from chatserver.cli import build_parser
from scripts.deployment.page import blocks
from scripts.documents import ROOT

SAMPLE = ROOT / "deploy/config.toml"
PAGE = ROOT / "docs/deployment.md"


def test_the_sample_of_settings_loads() -> None:
    settings = config.load({}, file=SAMPLE, environ={})
    assert settings.domain == ("chat.example.org",)
    assert settings.tls


def test_every_setting_of_the_sample_exists_also_those_in_comments(tmp_path: Path) -> None:
    """Each line that is commented out can be put in force by removing its first character."""
    for line in SAMPLE.read_text().splitlines():
        match = re.match(r"#([a-z_0-9]+) = ", line)
        if match and not match[1].endswith(("_file", "_certificate", "_key")) and not match[1].startswith("smtp_"):
            file = tmp_path / f"{match[1]}.toml"
            file.write_text(line[1:] + "\n")
            config.load({}, file=file, environ={})
        elif match:
            assert match[1] in type(config.load({}, file=SAMPLE, environ={})).__struct_fields__


def test_the_page_names_only_commands_and_files_that_exist() -> None:
    commands = next(action for action in build_parser()._actions if action.dest == "command").choices
    assert commands is not None
    for block in blocks(PAGE):
        lines = [line.strip() for line in block.script.splitlines()]
        named = [match[1] for line in lines if (match := re.search(r"(?:^|\$NAME )chatserver ([a-z][a-z-]+)", line))]
        assert [name for name in named if name not in commands] == [], block.script
        for path in re.findall(r"(?<![\w.-])deploy/[A-Za-z./-]*[A-Za-z]", block.script):
            assert (ROOT / path).exists(), path


def test_starting_the_server_leaves_a_disabled_socket_alone() -> None:
    """`Sockets=`, `Wants=` and `Requires=` would bring port 80 back, which a proxy needs for itself."""
    lines = (ROOT / "deploy/systemd/chatserver.service").read_text().splitlines()
    asking = [line for line in lines if line.startswith(("Sockets=", "Wants=", "Requires=", "BindsTo="))]
    assert [line for line in asking if "chatserver-http" in line] == []
    assert "Service=chatserver.service" in (ROOT / "deploy/systemd/chatserver-http.socket").read_text().splitlines()


@pytest.mark.skipif(
    shutil.which("systemd-analyze") is None and not os.environ.get("CI"), reason="there is no systemd here"
)
def test_the_units_are_understood(tmp_path: Path) -> None:
    """No unknown section, key or value; the program itself need not be installed here."""
    folder = tmp_path / "units"
    shutil.copytree(ROOT / "deploy/systemd", folder)
    for unit in folder.glob("*.service"):
        unit.write_text(unit.read_text().replace("/opt/chatserver/current/bin/chatserver", "/bin/true"))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *(str(unit) for unit in sorted(folder.iterdir()))],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    complaints = [line for line in done.stderr.splitlines() if "chatserver" in line]
    assert complaints == []


def test_a_version_brings_its_units_and_going_back_twice_is_going_back_once(tmp_path: Path) -> None:
    """The script itself, on folders of its own; what it asks of systemd is written down."""
    for folder in ("units", "bin"):
        (tmp_path / folder).mkdir()
    asked = tmp_path / "asked"
    for name, text in {"bin/systemctl": f'#!/bin/sh\necho "$@" >> {asked}\n', "use-version": _placed(tmp_path)}.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    for version, units in {"1": ("a",), "2": ("a", "b")}.items():
        systemd = tmp_path / "versions" / version / "deploy/systemd"
        systemd.mkdir(parents=True)
        for path in (*(systemd / f"{unit}.service" for unit in units), systemd.parent / "chatserver"):
            path.write_text(version)
        (tmp_path / "versions" / version / "complete").touch()

    def use(version: str) -> tuple[str, ...]:
        environ = {**os.environ, "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"}
        subprocess.run([str(tmp_path / "use-version"), version], env=environ, check=True)
        assert os.readlink(tmp_path / "current") == f"versions/{version}"  # noqa: PTH115 - relative as it is
        assert (tmp_path / "bin/chatserver").read_text() == version
        assert {unit.read_text() for unit in (tmp_path / "units").iterdir()} == {version}
        return tuple(sorted(unit.name for unit in (tmp_path / "units").iterdir()))

    assert use("1") == ("a.service",)
    assert use("2") == ("a.service", "b.service")
    for _ in range(2):
        assert use((tmp_path / "previous").resolve().name) == ("a.service",)
    assert asked.read_text().count("disable --now b.service") == 1
    assert use("2") == ("a.service", "b.service")
    assert (tmp_path / "previous").resolve().name == "1"


def _placed(folder: Path) -> str:
    """`use-version` for other folders than those of a server."""
    text = (ROOT / "deploy/use-version").read_text()
    for place, other in {"/opt/chatserver": "", "/etc/systemd/system": "units", "/usr/local/bin": "bin"}.items():
        assert place in text
        text = text.replace(place, str(folder / other))
    return text
