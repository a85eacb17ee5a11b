"""What the dashboards of a chatserver show, from the overview down to one queue; in deploy/grafana/dashboards."""

from scripts.dashboards.http import HTTP
from scripts.dashboards.messaging import MESSAGING
from scripts.dashboards.outside import OUTSIDE
from scripts.dashboards.overview import OVERVIEW
from scripts.dashboards.storage import STORAGE

ALL = (OVERVIEW, MESSAGING, HTTP, STORAGE, OUTSIDE)
