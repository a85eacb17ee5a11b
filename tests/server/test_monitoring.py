"""What is shipped for watching a server, against a real one and a real Prometheus: alerts, dashboards, their page."""

import asyncio
import importlib
import json
import math
import os
import re
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from chatproto.errors import CloseCode
from chatproto.frames import (
    Ack,
    Away,
    Delete,
    Done,
    Edit,
    Error,
    Fetch,
    MarkSeen,
    Page,
    Pin,
    React,
    Send,
    TypingNow,
    Watch,
)
from chatproto.models import Chat
from chatserver.app import Timing
from chatserver.backup.schedule import scheduled_backups
from chatserver.settings import Settings
from tests.support.prometheus import ROOT, SHIPPED, Prometheus, needs_prometheus, prometheus
from tests.support.push import PushService, Receiver, push_service, resolving
from tests.support.server import WAIT_S, Person, RunningServer, Socket, outgoing, running_server
from tests.support.tls import write_pair

DASHBOARDS = ROOT / "deploy" / "grafana" / "dashboards"
PAGE = ROOT / "docs" / "monitoring.md"
PUSH_HOST = "push.example.net"
FROM_ELSEWHERE = ("node_timex_sync_status",)
"""Metrics of node_exporter, which is optional."""


def dashboards() -> dict[str, Any]:
    return {path.stem: json.loads(path.read_text()) for path in sorted(DASHBOARDS.glob("*.json"))}


def queries(dashboard: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Each query of a dashboard, and where it stands."""
    for annotation in dashboard["annotations"]["list"]:
        yield annotation["name"], annotation["expr"]
    for panel in dashboard["panels"]:
        for target in panel.get("targets", ()):
            yield panel["title"], target["expr"]


def as_grafana_sends(expression: str, instance: str) -> str:
    """With its variables replaced."""
    for name, value in {"$job": "chatserver", "$instance": instance, "$__rate_interval": "1m"}.items():
        expression = expression.replace(name, value)
    assert "$" not in expression, expression
    return expression


def comparing(expression: str) -> str:
    """With comparisons that give 0 or 1, where they would otherwise leave out what is well."""
    return re.sub(r" (>|<|==) ", r" \1 bool ", expression)


# --- load ---


@asynccontextmanager
async def watched(folder: Path) -> AsyncIterator[tuple[RunningServer, PushService]]:
    """A server that pushes to loopback, with one rate and one queue that are quickly used up."""
    async with push_service(folder / "service", PUSH_HOST) as service:
        timing = Timing(push_backoff=0.01, push_resolver=resolving(["127.0.0.1"]))
        certificate, key = write_pair(folder)
        async with running_server(
            folder / "data",
            timing,
            tls_certificate=certificate,
            tls_key=key,
            metrics_address="127.0.0.1:0",
            limits_enabled=True,
            limit_search="3/minute",
            password_waiting=0,
            outbox_bytes=65_536,
            push_delay_s=0.0,
            push_interval_s=0.0,
            push_allowed_networks=("127.0.0.0/8",),
            push_ca_file=folder / "service" / "ca.pem",
        ) as server:
            gauges = server.application.gauges
            backups = Settings(data=server.data, backup_dir=folder / "backups")
            async with scheduled_backups(backups, None, gauges, first_s=0.0) as schedule:
                assert schedule is not None
                async with asyncio.timeout(WAIT_S):
                    await schedule.round_ended.wait()
                yield server, service


async def work(server: RunningServer, service: PushService, anna: Person, ben: Person, chat: Chat) -> None:
    """A little of everything that clients do, mistakes included."""
    async with anna.socket() as socket:
        seqs = [(await socket.say(chat, f"hello {number} apple")).seq or 0 for number in range(3)]
        await ask_by_frames(socket, ben, chat, seqs)
        assert (await socket.send_messages(outgoing("nobody hears", chat_id=1)))[0].error is not None
    await come_back(server, anna)
    await ask_by_rest(server, anna, chat)
    for status in (201, 400, 503, 201):  # taken, refused for ever, refused for now and then taken
        service.answers.append((status, {}))
    async with anna.socket() as socket:
        for _ in range(3):
            await socket.say(chat, "are you there?")
            await service.next()
        await service.next()


async def ask_by_frames(socket: Socket, ben: Person, chat: Chat, seqs: list[int]) -> None:
    place = {"chat_id": chat.id, "seq": seqs[0]}
    changes: tuple[tuple[Any, dict[str, Any]], ...] = (
        (Edit, {"text": "changed"}),
        (React, {"emoji": "👍"}),
        (Pin, {}),
        (Delete, {}),
    )
    for kind, more in changes:
        await socket.send(kind(id=1, **place, **more))
        await socket.until(Done)
        await socket.send(kind(id=2, chat_id=1, seq=1, **more))
        await socket.until(Error)
    await socket.send(Watch(user_ids=[ben.id], chat_ids=[chat.id]))
    await socket.send(TypingNow(chat_id=chat.id))
    await socket.send(Away(away=True))
    await socket.send(MarkSeen(chat_id=chat.id, seq=seqs[-1]))
    await socket.send(MarkSeen(chat_id=1, seq=1))
    await socket.until(Error)
    await socket.send(Fetch(id=9, chat_id=chat.id))
    await socket.until(Page)


async def come_back(server: RunningServer, anna: Person) -> None:
    """After its end a session greets again: with what it knows, with what another server said, with a wrong token."""
    for epoch in (server.application.store.epoch, "another"):
        async with anna.socket(epoch=epoch, useq=1):
            pass
    async with server.socket() as stranger:
        await stranger.raw.send('{"type":"hello","token":"x"}')
        assert (await stranger.closed())[0] == CloseCode.TOKEN


async def ask_by_rest(server: RunningServer, anna: Person, chat: Chat) -> None:
    assert (await anna.http.get(f"/chats/{chat.id}/messages")).status_code == 200
    statuses = [(await anna.http.get("/search", params={"q": "apple"})).status_code for _ in range(4)]
    assert statuses[-1] == 429
    assert (await anna.http.get("/nowhere")).status_code == 404
    info = (await anna.http.post("/files", content=b"x" * 1_000)).json()
    assert (await anna.http.get(f"/files/{info['id']}")).status_code == 200
    refresh = {"refreshToken": "wrong"}
    assert (await server.http.post("/auth/refresh", json=refresh)).status_code == 401
    login = {"email": "nobody@example.org", "password": "wrong password", "device": "test"}
    answers = await asyncio.gather(*(server.http.post("/auth/login", json=login) for _ in range(3)))
    assert {answer.status_code for answer in answers} == {401, 503}


async def flood(anna: Person, cleo: Person, chat: Chat) -> None:
    """More than a reader that has stopped can be sent, and enough for a checkpoint of the database."""
    async with cleo.socket() as slow, anna.socket() as author:
        slow.raw.transport.pause_reading()
        for number in range(50):
            await author.send(Send(id=number, messages=[outgoing("x" * 16_000, chat_id=chat.id) for _ in range(25)]))
            await author.until(Ack)
        slow.raw.transport.resume_reading()
        assert (await slow.closed())[0] == CloseCode.SLOW


@needs_prometheus()
async def test_every_query_and_every_alert_finds_what_it_asks_for(tmp_path: Path) -> None:
    """Of all panels, annotations and rules, under real load; no label or name is misspelt."""
    async with watched(tmp_path) as (server, service):
        assert server.server.metrics_url is not None
        target = server.server.metrics_url.removeprefix("http://").removesuffix("/metrics")
        async with prometheus(tmp_path, target) as prom:
            anna, ben, cleo = [await server.person(name) for name in ("Anna", "Ben", "Cleo")]
            chat, large = await anna.direct(ben), await anna.group("large", cleo)
            await ben.http.post("/me/push", json=Receiver().request(service.url))
            await prom.scraped(1)
            await work(server, service, anna, ben, chat)
            await flood(anna, cleo, large)
            await prom.scraped(1)  # a label that is new has no rate before it has grown
            await work(server, service, anna, ben, chat)
            await prom.scraped(2)
            assert await missing(prom, target) == []
            assert await complaints_of_rules(prom) == []


async def missing(prom: Prometheus, target: str) -> list[str]:
    """Queries that find nothing, or nothing that is a number."""
    asked = [
        (f"{name}: {title}", as_grafana_sends(expression, target))
        for name, dashboard in dashboards().items()
        for title, expression in queries(dashboard)
    ]
    for group in (await prom.get("rules"))["groups"]:
        for rule in group["rules"]:
            absent = rule["query"].startswith("absent(")
            asked.append(
                (rule["name"], rule["query"].removeprefix("absent(").removesuffix(")") if absent else rule["query"])
            )
    assert len(asked) > 150
    found = []
    for where, expression in asked:
        if not any(name in expression for name in FROM_ELSEWHERE):
            values = await prom.values(comparing(expression))
            if not any(not math.isnan(value) for value in values):
                found.append(f"{where}: {expression} gives {values}")
    return found


async def complaints_of_rules(prom: Prometheus) -> list[str]:
    """Rules that could not be evaluated."""
    groups = (await prom.get("rules"))["groups"]
    return [
        f"{rule['name']}: {rule['lastError']}" for group in groups for rule in group["rules"] if rule.get("lastError")
    ]


# --- what is shipped ---


@needs_prometheus()
def test_promtool_finds_the_configuration_valid_and_the_alerts_fire_only_when_they_should(tmp_path: Path) -> None:
    """Every alert has one server that is well and one that is not."""
    for arguments in (
        ("check", "config", str(SHIPPED / "prometheus.yml")),
        ("test", "rules", str(SHIPPED / "chatserver.rules.test.yml")),
    ):
        done = subprocess.run(["promtool", *arguments], capture_output=True, text=True, timeout=WAIT_S * 2, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    tested = set(re.findall(r'alertname="(\w+)"', (SHIPPED / "chatserver.rules.test.yml").read_text()))
    assert tested == {alert["alert"] for alert in alerts()}


def alerts() -> list[dict[str, str]]:
    """The rules' plain fields; Prometheus itself reads the whole."""
    rules = (SHIPPED / "chatserver.rules.yml").read_text().split("      - alert: ")[1:]
    fields = re.compile(r"^ +(for|severity|summary|description|runbook_url): (.+)$", re.MULTILINE)
    return [{"alert": rule.split("\n", 1)[0], **dict(fields.findall(rule))} for rule in rules]


def test_every_alert_says_how_grave_it_is_and_where_to_read_on() -> None:
    """The anchor exists: a heading of docs/monitoring.md with the alert's name."""
    headings = re.findall(r"^#+ (.+)$", PAGE.read_text(), re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}
    names = {alert["alert"].lower() for alert in alerts()}
    assert len(names) > 30
    for alert in alerts():
        assert set(alert) == {"alert", "for", "severity", "summary", "description", "runbook_url"}, alert
        assert alert["severity"] in {"critical", "warning"}
        page, _, anchor = alert["runbook_url"].partition("#")
        assert (page, anchor) == ("docs/monitoring.md", alert["alert"].lower())
    assert names <= anchors
    assert {anchor for anchor in anchors if anchor.startswith("chatserver") and " " not in anchor} >= names


@pytest.mark.skipif(
    shutil.which("amtool") is None and not os.environ.get("CI"), reason="prometheus-alertmanager is not installed"
)
def test_amtool_finds_the_alertmanagers_configuration_valid() -> None:
    path = ROOT / "deploy" / "alertmanager" / "alertmanager.yml"
    done = subprocess.run(
        ["amtool", "check-config", str(path)], capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    silenced = set(re.findall(r"Chatserver\w+", path.read_text()))
    assert silenced <= {alert["alert"] for alert in alerts()}


@pytest.mark.parametrize("name", sorted(dashboards()))
def test_a_dashboard_is_what_grafana_can_read(name: str) -> None:
    """Required fields, unique ids, and panels side by side within 24 columns, none over another."""
    dashboard = dashboards()[name]
    assert {"uid", "title", "schemaVersion", "panels", "templating", "time", "annotations"} <= set(dashboard)
    assert len(dashboard["uid"]) <= 40
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(ids) == len(set(ids))
    taken: set[tuple[int, int]] = set()
    for panel in dashboard["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert max(x for x, _ in cells) < 24
        assert not cells & taken, panel["title"]
        taken |= cells
        if panel["type"] != "row":
            assert panel["description"].endswith(".")
            assert panel["fieldConfig"]["defaults"]["unit"]
            assert panel["datasource"]["uid"] == "${datasource}"
            refs = [target["refId"] for target in panel["targets"]]
            assert len(refs) == len(set(refs)) > 0
            assert all(target["legendFormat"] for target in panel["targets"])
    assert [variable["name"] for variable in dashboard["templating"]["list"]] == ["datasource", "job", "instance"]


def test_no_two_dashboards_have_one_id() -> None:
    uids = [dashboard["uid"] for dashboard in dashboards().values()]
    assert len(uids) == len(set(uids)) >= 5


async def test_the_page_tells_of_exactly_the_metrics_that_a_server_gives(tmp_path: Path) -> None:
    """By the names under which Prometheus knows them."""
    importlib.import_module("chatserver.tls.acme")  # a server loads it only if it gets certificates itself
    async with watched(tmp_path) as (server, _):
        assert server.server.metrics_url is not None
        text = (await server.http.get(server.server.metrics_url)).text
    given = set(re.findall(r"^# HELP (chatserver_\w+)", text, re.MULTILINE))
    told = set(re.findall(r"`(chatserver_\w+)(?:\{[^`]*\})?`", PAGE.read_text()))
    assert given - told == set()
    assert told - given == set()
