"""The container's files fit the rest: settings that exist, files that exist, one Python, one user."""

import asyncio
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from chatserver.settings import Settings
from scripts.documents import ROOT
from tests.support.server import running_server
from tests.support.tls import write_pair

FOLDER = ROOT / "deploy/container"
CONTAINERFILE = (FOLDER / "Containerfile").read_text()


def compose() -> Any:
    return yaml.safe_load((FOLDER / "compose.yaml").read_text())["services"]["chatserver"]


def test_every_variable_is_a_setting() -> None:
    named = {*re.findall(r"(CHATSERVER_\w+)=", CONTAINERFILE), *compose()["environment"]}
    page = (ROOT / "docs/containers.md").read_text()
    named |= {name for name in re.findall(r"CHATSERVER_\w+", page) if name != "CHATSERVER_"}
    settings = {f"CHATSERVER_{name.upper()}" for name in Settings.__struct_fields__}
    assert named
    assert named - settings == set()


def test_what_is_copied_exists_and_is_not_ignored() -> None:
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = [
        source
        for line in re.findall(r"^COPY (?!--from)(?:--\S+ )?(.*) \S+$", CONTAINERFILE, re.M)
        for source in line.split()
    ]
    assert copied
    for source in copied:
        assert (ROOT / source).exists(), source
        assert any(source == name or source.startswith(f"{name}/") for name in kept), source


@pytest.mark.parametrize("name", ["Containerfile", "compose.yaml"])
def test_the_page_that_is_named_is_the_one_about_containers(name: str) -> None:
    pages = re.findall(r"docs/[\w-]+\.md", (FOLDER / name).read_text())
    assert pages == ["docs/containers.md"]
    assert (ROOT / pages[0]).read_text().startswith("# In a container\n")


def test_volumes_are_the_folders_of_the_image() -> None:
    volumes = json.loads(re.findall(r"^VOLUME (.*)$", CONTAINERFILE, re.M)[0])
    assert [volume.partition(":")[2] for volume in compose()["volumes"]] == volumes
    assert re.search(r"^USER chatserver$", CONTAINERFILE, re.M)
    assert compose()["read_only"]
    assert compose()["cap_drop"] == ["ALL"]


@pytest.mark.parametrize("tls", [False, True])
async def test_the_health_check_tells_whether_the_server_answers(tmp_path: Path, tls: bool) -> None:
    settings: dict[str, Any] = {}
    if tls:
        settings["tls_certificate"], settings["tls_key"] = write_pair(tmp_path)
    async with running_server(tmp_path / "data", **settings) as server:
        port = server.url.rpartition(":")[2]
        assert await check(port, tls) == (0, "")
    code, told = await check(port, tls)
    assert code == 1
    assert told.startswith(f"answers: the server does not answer at port {port}: ")


async def check(port: str, tls: bool) -> tuple[int, str]:
    environment = {"CHATSERVER_PORT": port} | ({"CHATSERVER_TLS_CERTIFICATE": "chain.pem"} if tls else {})
    script = [sys.executable, str(FOLDER / "answers")]
    done = await asyncio.to_thread(
        subprocess.run, script, env=environment, capture_output=True, text=True, check=False, timeout=20
    )
    return done.returncode, done.stderr.strip()
