"""The REST API: requests by operation, signing in, files."""

from scripts.grafana import Dashboard, Panel, Row, quantiles, rate

_BAD = {0.1: "orange", 0.5: "red"}
"""For durations that people wait for, in seconds."""
_FAILED = rate("chatserver_requests_total", "", only='status="5xx"')[0]

HTTP = Dashboard(
    "http",
    "chatserver: HTTP",
    "The REST API by operation, signing in, files, and what is refused.",
    [
        Row(
            "Requests",
            [
                Panel(
                    "Rate by operation",
                    "The ten that are asked for most.",
                    [(f"topk(10, {rate('chatserver_requests_total', '', by='operation')[0]})", "{{operation}}")],
                    unit="reqps",
                    stacked=True,
                    width=12,
                ),
                Panel(
                    "Duration by operation",
                    "The slowest hundredth, of the ten slowest operations.",
                    [
                        (
                            f"topk(10, {quantiles('chatserver_request_seconds', 0.99, by='operation')[0][0]})",
                            "{{operation}}",
                        )
                    ],
                    unit="s",
                    thresholds=_BAD,
                    width=12,
                ),
                Panel(
                    "By status",
                    "5xx are the server's fault, 4xx the client's.",
                    [rate("chatserver_requests_total", "{{status}}", by="status")],
                    unit="reqps",
                    stacked=True,
                ),
                Panel(
                    "Share of failures",
                    "Requests that ended with 5xx.",
                    [
                        (
                            f"({_FAILED} or vector(0)) / {rate('chatserver_requests_total', '')[0]}",
                            "failed",
                        )
                    ],
                    unit="percentunit",
                    thresholds={0.05: "red"},
                ),
                Panel(
                    "Duration",
                    "Over all operations.",
                    quantiles("chatserver_request_seconds", 0.5, 0.9, 0.99),
                    unit="s",
                ),
                Panel(
                    "In flight", "Requests being answered.", [("sum(chatserver_requests_in_flight{SEL})", "requests")]
                ),
                Panel(
                    "Refusals",
                    "Errors told to clients, by code.",
                    [rate("chatserver_errors_total", "{{code}}", by="code")],
                    unit="ops",
                    stacked=True,
                ),
                Panel(
                    "Rate limits",
                    "Refused by rule.",
                    [rate("chatserver_rate_limited_total", "{{rule}}", by="rule")],
                    unit="ops",
                    stacked=True,
                ),
                Panel(
                    "Counted by rate limits",
                    "Users and addresses; 100,000 at most.",
                    [("sum(chatserver_rate_limit_keys{SEL})", "keys")],
                ),
            ],
        ),
        Row(
            "Signing in",
            [
                Panel(
                    "Tries to sign in",
                    "wrong: password or address; overloaded: too many waited.",
                    [rate("chatserver_logins_total", "{{result}}", by="result")],
                    unit="ops",
                    stacked=True,
                ),
                Panel(
                    "Sessions prolonged",
                    "Refreshed tokens.",
                    [rate("chatserver_token_refreshes_total", "{{result}}", by="result")],
                    unit="ops",
                    stacked=True,
                ),
                Panel(
                    "Hashing",
                    "Passwords in hand or waiting, and those turned away.",
                    [
                        ("sum(chatserver_passwords_waiting{SEL})", "waiting"),
                        rate("chatserver_passwords_turned_away_total", "turned away a second"),
                    ],
                ),
                Panel(
                    "Duration of a password",
                    "Waiting included.",
                    quantiles("chatserver_password_seconds", 0.5, 0.99),
                    unit="s",
                ),
                Panel(
                    "Use of the hashing threads",
                    "1: they are never idle, and people wait.",
                    [
                        (
                            "sum(rate(chatserver_password_busy_seconds_total{SEL}[$__rate_interval]))"
                            " / sum(chatserver_password_threads{SEL})",
                            "busy",
                        )
                    ],
                    unit="percentunit",
                    most=1,
                    thresholds={0.8: "red"},
                ),
            ],
        ),
        Row(
            "Files",
            [
                Panel(
                    "Bytes",
                    "Of files, from and to clients.",
                    [rate("chatserver_upload_bytes_total", "up"), rate("chatserver_download_bytes_total", "down")],
                    unit="Bps",
                    width=12,
                ),
                Panel(
                    "Room",
                    "Everybody's files, and what they may take.",
                    [
                        ("sum(chatserver_file_storage_bytes{SEL})", "files"),
                        ("min(chatserver_file_storage_limit_bytes{SEL})", "limit"),
                    ],
                    unit="bytes",
                    width=12,
                ),
            ],
        ),
    ],
)
