"""What depends on others: push services, mail, backups, the certificate, and retries."""

from scripts.grafana import Dashboard, Panel, Row, quantiles, rate

_ANY = {1e-9: "red"}
"""For what should never be: green is zero."""

OUTSIDE = Dashboard(
    "outside",
    "chatserver: push, mail, backups",
    "What depends on others: push services, the mail server, where backups go, who signs the certificate; and retries.",
    [
        Row(
            "Retries",
            [
                Panel(
                    "Put off",
                    "Attempts that failed and are made again.",
                    [rate("chatserver_retries_total", "{{part}}", by="part")],
                    unit="ops",
                    stacked=True,
                    width=12,
                ),
                Panel(
                    "Backoff",
                    "The longest pause that is waited for now. It grows while the other side stays away.",
                    [("max by (part) (chatserver_backoff_seconds{SEL})", "{{part}}")],
                    unit="s",
                    width=12,
                ),
            ],
        ),
        Row(
            "Web Push",
            [
                Panel(
                    "Outcomes",
                    "pruned: the endpoint is gone; dropped: too many waited.",
                    [rate("chatserver_pushes_total", "{{outcome}}", by="outcome")],
                    unit="ops",
                    stacked=True,
                ),
                Panel(
                    "Duration of an attempt",
                    "Until the push service answers.",
                    quantiles("chatserver_push_seconds", 0.5, 0.99),
                    unit="s",
                ),
                Panel(
                    "Waiting",
                    "Pushes not delivered yet, those that wait for a retry among them.",
                    [("sum(chatserver_pushes_waiting{SEL})", "pushes")],
                ),
            ],
        ),
        Row(
            "Mail",
            [
                Panel(
                    "Outcomes",
                    "Mails with reset codes.",
                    [rate("chatserver_mails_total", "{{outcome}}", by="outcome")],
                    unit="ops",
                    stacked=True,
                    width=12,
                ),
                Panel(
                    "Waiting",
                    "Requests that nobody works on yet.",
                    [("sum(chatserver_mails_waiting{SEL})", "mails")],
                    width=12,
                ),
            ],
        ),
        Row(
            "Backups and certificate",
            [
                Panel(
                    "Age of the last backup",
                    "That succeeded.",
                    [("time() - min by (place) (chatserver_backup_last_success_timestamp_seconds{SEL})", "{{place}}")],
                    unit="s",
                    thresholds={172_800: "red"},
                ),
                Panel(
                    "Failures",
                    "Backups that failed.",
                    [("sum(increase(chatserver_backup_failures_total{SEL}[1d]))", "in a day")],
                    thresholds=_ANY,
                ),
                Panel(
                    "Size of a backup",
                    "Of the newest one in each place.",
                    [("max by (place) (chatserver_backup_bytes{SEL})", "{{place}}")],
                    unit="bytes",
                ),
                Panel(
                    "Duration of a backup",
                    "Making and verifying the newest one in each place.",
                    [("max by (place) (chatserver_backup_seconds{SEL})", "{{place}}")],
                    unit="s",
                ),
                Panel(
                    "TLS handshakes",
                    "completed is what clients do; the others never came to speak of chat.",
                    [rate("chatserver_tls_handshakes_total", "{{outcome}}", by="outcome")],
                    unit="ops",
                    stacked=True,
                ),
                Panel(
                    "Certificate",
                    "Until it expires.",
                    [("min(chatserver_certificate_expiry_timestamp_seconds{SEL}) - time()", "left")],
                    unit="s",
                ),
            ],
        ),
    ],
)
