"""Grafana dashboards as data: panels with queries, laid out in rows, and the JSON that Grafana reads of them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

SELECTOR: Final = 'job="$job",instance=~"$instance"'
"""Stands in queries as `SEL`: what is chosen at the top of the dashboard."""
_COLUMNS: Final = 24
_SCHEMA: Final = 39
"""The version of the format, that of Grafana 10.3 and 11; newer ones migrate it."""
_DATASOURCE: Final = {"type": "prometheus", "uid": "${datasource}"}

Kind = Literal["timeseries", "stat"]
Query = tuple[str, str]
"""PromQL, and the legend of its series."""


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel. `thresholds` are values with the colour from there on; the colour below them is green."""

    title: str
    description: str
    queries: Sequence[Query]
    unit: str = "short"
    kind: Kind = "timeseries"
    thresholds: Mapping[float, str] | None = None
    below: str = "green"
    """The colour below all thresholds."""
    width: int = 8
    height: int = 8
    stacked: bool = False
    most: float | None = None
    """The end of the axis, if it has one by nature."""
    names: bool = False
    """Of a stat: show the name of the series instead of its value."""


@dataclass(frozen=True, slots=True)
class Row:
    """Panels under one heading."""

    title: str
    panels: Sequence[Panel]


@dataclass(frozen=True, slots=True)
class Dashboard:
    """One dashboard; `name` is also its file's and, behind `chatserver-`, its uid."""

    name: str
    title: str
    description: str
    rows: Sequence[Row]


def stat(title: str, description: str, query: str, **options: Any) -> Panel:
    """A number of its own."""
    legend = options.pop("legend", "{{instance}}")
    return Panel(title, description, [(query, legend)], kind="stat", **{"width": 3, "height": 4, **options})


def quantiles(metric: str, *shares: float, by: str = "", only: str = "") -> list[Query]:
    """The quantiles of a histogram, whole or for each value of a label."""
    labels = ", ".join(["le", *([by] if by else [])])
    selector = ",".join(["SEL", *([only] if only else [])])
    return [
        (
            f"histogram_quantile({share}, sum by ({labels}) (rate({metric}_bucket{{{selector}}}[$__rate_interval])))",
            f"{{{{{by}}}}} p{share * 100:g}" if by else f"p{share * 100:g}",
        )
        for share in shares
    ]


def rate(counter: str, legend: str, *, by: str = "", only: str = "") -> Query:
    """How much a counter grows in a second."""
    selector = ",".join(["SEL", *([only] if only else [])])
    total = f"sum by ({by})" if by else "sum"
    return f"{total} (rate({counter}{{{selector}}}[$__rate_interval]))", legend


def as_json(dashboard: Dashboard) -> str:
    """What Grafana imports."""
    return json.dumps(_dashboard(dashboard), indent=2, ensure_ascii=False) + "\n"


def _dashboard(dashboard: Dashboard) -> dict[str, Any]:
    return {
        "uid": f"chatserver-{dashboard.name}",
        "title": dashboard.title,
        "description": dashboard.description,
        "tags": ["chatserver"],
        "schemaVersion": _SCHEMA,
        "version": 1,
        "editable": True,
        "graphTooltip": 1,  # one cross-hair through all panels
        "timezone": "browser",
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "links": [_links()],
        "annotations": {"list": [_restarts()]},
        "templating": {"list": _variables()},
        "panels": _panels(dashboard.rows),
    }


def _links() -> dict[str, Any]:
    return {
        "type": "dashboards",
        "title": "chatserver",
        "tags": ["chatserver"],
        "asDropdown": False,
        "includeVars": True,
        "keepTime": True,
        "targetBlank": False,
        "icon": "external link",
        "tooltip": "",
        "url": "",
    }


def _restarts() -> dict[str, Any]:
    return {
        "name": "Starts of the server",
        "datasource": _DATASOURCE,
        "enable": True,
        "hide": False,
        "iconColor": "blue",
        "expr": _filled("changes(chatserver_start_time_seconds{SEL}[1m]) > 0"),
        "titleFormat": "chatserver started",
        "step": "60s",
    }


def _variables() -> list[dict[str, Any]]:
    return [
        {"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus", "refresh": 1},
        _variable("job", "Job", "label_values(chatserver_build_info, job)", multi=False),
        _variable("instance", "Server", 'label_values(chatserver_build_info{job="$job"}, instance)', multi=True),
    ]


def _variable(name: str, label: str, query: str, *, multi: bool) -> dict[str, Any]:
    return {
        "name": name,
        "label": label,
        "type": "query",
        "datasource": _DATASOURCE,
        "query": {"query": query, "refId": name},
        "definition": query,
        "refresh": 2,  # when the time range changes
        "sort": 1,
        "multi": multi,
        "includeAll": multi,
        "current": {"text": "All", "value": "$__all"} if multi else {},
    }


def _panels(rows: Sequence[Row]) -> list[dict[str, Any]]:
    panels: list[dict[str, Any]] = []
    top = 0
    for row in rows:
        place = {"x": 0, "y": top, "w": _COLUMNS, "h": 1}
        panels.append(
            {
                "id": len(panels) + 1,
                "type": "row",
                "title": row.title,
                "collapsed": False,
                "gridPos": place,
                "panels": [],
            }
        )
        top += 1
        left = height = 0
        for panel in row.panels:
            if left + panel.width > _COLUMNS:
                top, left, height = top + height, 0, 0
            place = {"x": left, "y": top, "w": panel.width, "h": panel.height}
            panels.append({"id": len(panels) + 1, "gridPos": place, **_panel(panel)})
            left, height = left + panel.width, max(height, panel.height)
        top += height
    return panels


def _panel(panel: Panel) -> dict[str, Any]:
    return {
        "type": panel.kind,
        "title": panel.title,
        "description": panel.description,
        "datasource": _DATASOURCE,
        "targets": [_target(number, query, panel) for number, query in enumerate(panel.queries)],
        "fieldConfig": {"defaults": _defaults(panel), "overrides": []},
        "options": _stat_options(panel) if panel.kind == "stat" else _series_options(),
    }


def _target(number: int, query: Query, panel: Panel) -> dict[str, Any]:
    expression, legend = query
    return {
        "refId": chr(ord("A") + number),
        "datasource": _DATASOURCE,
        "editorMode": "code",
        "expr": _filled(expression),
        "legendFormat": legend,
        "range": panel.kind != "stat",
        "instant": panel.kind == "stat",
    }


def _filled(expression: str) -> str:
    return expression.replace("SEL", SELECTOR)


def _defaults(panel: Panel) -> dict[str, Any]:
    steps: list[dict[str, Any]] = [{"color": panel.below, "value": None}]
    steps += [{"color": color, "value": value} for value, color in sorted((panel.thresholds or {}).items())]
    defaults: dict[str, Any] = {
        "unit": panel.unit,
        "min": 0,
        "color": {"mode": "thresholds" if panel.kind == "stat" else "palette-classic"},
        "thresholds": {"mode": "absolute", "steps": steps},
    }
    if panel.most is not None:
        defaults["max"] = panel.most
    if panel.kind == "timeseries":
        defaults["custom"] = {
            "drawStyle": "line",
            "lineWidth": 1,
            "fillOpacity": 25 if panel.stacked else 8,
            "showPoints": "never",
            "spanNulls": False,
            "stacking": {"mode": "normal" if panel.stacked else "none", "group": "A"},
            "thresholdsStyle": {"mode": "dashed" if panel.thresholds else "off"},
        }
    return defaults


def _stat_options(panel: Panel) -> dict[str, Any]:
    return {
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "colorMode": "background",
        "graphMode": "none",
        "justifyMode": "center",
        "orientation": "auto",
        "textMode": "name" if panel.names else "auto",
    }


def _series_options() -> dict[str, Any]:
    return {
        "legend": {"displayMode": "table", "placement": "bottom", "showLegend": True, "calcs": ["mean", "max"]},
        "tooltip": {"mode": "multi", "sort": "desc"},
    }
