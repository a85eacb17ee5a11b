"""Whether the server is well: everything that alerts are made of at one look."""

from scripts.grafana import Dashboard, Panel, Row, quantiles, rate, stat

_ACK = "chatserver_receive_to_ack_seconds"
_WHOLE = "chatserver_receive_to_delivery_seconds"
_BAD = {0.1: "orange", 0.5: "red"}
"""For durations that people wait for, in seconds."""
_ANY = {1e-9: "red"}
"""For what should never be: green is zero."""

OVERVIEW = Dashboard(
    "overview",
    "chatserver: overview",
    "Whether the server is well: one look at everything that alerts are made of.",
    [
        Row(
            "Is it well?",
            [
                stat("Answers", "1: Prometheus reaches it.", "min(up{SEL})", thresholds={1: "green"}, below="red"),
                stat(
                    "Ready",
                    "1: every check of /readyz went well.",
                    "min(chatserver_ready{SEL})",
                    thresholds={1: "green"},
                    below="red",
                ),
                stat(
                    "Alerts",
                    "Alerts that fire now.",
                    'count(ALERTS{SEL,alertstate="firing"}) or vector(0)',
                    thresholds={1: "red"},
                    legend="firing",
                ),
                stat(
                    "Runs for",
                    "Since its last start.",
                    "time() - max(chatserver_start_time_seconds{SEL})",
                    unit="s",
                    thresholds={600: "green"},
                    below="orange",
                ),
                stat("Version", "Which build answers.", "chatserver_build_info{SEL}", legend="{{version}}", names=True),
                stat(
                    "Disk free",
                    "Of the disk that holds the data.",
                    "min(chatserver_disk_free_bytes{SEL} / chatserver_disk_bytes{SEL})",
                    unit="percentunit",
                    thresholds={0.05: "orange", 0.15: "green"},
                    below="red",
                ),
                stat(
                    "Last backup",
                    "Age of the newest backup, in the place where it is oldest.",
                    "time() - min(chatserver_backup_last_success_timestamp_seconds{SEL})",
                    unit="s",
                    thresholds={100_000: "orange", 172_800: "red"},
                ),
                stat(
                    "Certificate",
                    "Until it expires.",
                    "min(chatserver_certificate_expiry_timestamp_seconds{SEL}) - time()",
                    unit="s",
                    thresholds={259_200: "orange", 1_209_600: "green"},
                    below="red",
                ),
            ],
        ),
        Row(
            "What it does",
            [
                Panel(
                    "Messages",
                    "Messages and other writes that became durable, and events given to sessions.",
                    [
                        ("sum (rate(chatserver_commit_writes_sum{SEL}[$__rate_interval]))", "writes"),
                        rate("chatserver_deliveries_total", "deliveries"),
                    ],
                    unit="ops",
                ),
                Panel(
                    "Who is there",
                    "Sessions are greeted WebSockets; a user may have several.",
                    [("sum(chatserver_users_connected{SEL})", "users"), ("sum(chatserver_sessions{SEL})", "sessions")],
                ),
                Panel(
                    "REST requests",
                    "By class of status; 5xx are the server's fault.",
                    [rate("chatserver_requests_total", "{{status}}", by="status")],
                    unit="reqps",
                    stacked=True,
                ),
                Panel(
                    "Sending",
                    "From taking a message to its ack: what an author waits for.",
                    quantiles(_ACK, 0.5, 0.99),
                    unit="s",
                    thresholds=_BAD,
                ),
                Panel(
                    "From sending to delivery",
                    "From a commit's first message to the last session it was written to.",
                    quantiles(_WHOLE, 0.5, 0.99),
                    unit="s",
                    thresholds=_BAD,
                ),
                Panel(
                    "Refusals",
                    "Errors told to clients, by code. internal, storageFailed and diskFull are the server's.",
                    [rate("chatserver_errors_total", "{{code}}", by="code")],
                    unit="ops",
                    stacked=True,
                ),
            ],
        ),
        Row(
            "What it needs",
            [
                Panel(
                    "Processor",
                    "Share of one core. When the event loop reaches 1, nothing more fits.",
                    [
                        rate("process_cpu_seconds_total", "process"),
                        rate("chatserver_event_loop_cpu_seconds_total", "event loop"),
                    ],
                    unit="percentunit",
                    thresholds={0.9: "red"},
                ),
                Panel(
                    "Event loop lag",
                    "How late a task is that is due every second.",
                    quantiles("chatserver_event_loop_lag_seconds", 0.5, 0.9, 0.99),
                    unit="s",
                    thresholds={0.1: "red"},
                ),
                Panel(
                    "Memory",
                    "What the process holds, and what it may.",
                    [
                        ("sum(process_resident_memory_bytes{SEL})", "resident"),
                        ("min(chatserver_memory_limit_bytes{SEL})", "limit"),
                    ],
                    unit="bytes",
                ),
                Panel(
                    "Open files",
                    "Each connection is one.",
                    [("sum(process_open_fds{SEL})", "open"), ("min(process_max_fds{SEL})", "limit")],
                ),
                Panel(
                    "What waits",
                    "Queues. A queue that stays is a part that has too much to do.",
                    [
                        ("sum(chatserver_writes_waiting{SEL})", "writes"),
                        ("sum(chatserver_reads_waiting{SEL})", "reads"),
                        ("sum(chatserver_searches_pending{SEL})", "searches"),
                        ("sum(chatserver_passwords_waiting{SEL})", "passwords"),
                        ("sum(chatserver_pushes_waiting{SEL})", "pushes"),
                        ("sum(chatserver_mails_waiting{SEL})", "mails"),
                        ("sum(chatserver_requests_in_flight{SEL})", "requests"),
                    ],
                ),
                Panel(
                    "Log and defects",
                    "Lines of a high level, unexpected exceptions, lines lost, and how often the clock was set.",
                    [
                        rate("chatserver_log_warnings_total", "{{level}}", by="level"),
                        rate("chatserver_exceptions_total", "exceptions"),
                        rate("chatserver_log_lines_lost_total", "lines lost"),
                        rate("chatserver_clock_steps_total", "clock set"),
                    ],
                    unit="ops",
                    thresholds=_ANY,
                ),
                Panel(
                    "Clock",
                    "Difference to Prometheus' clock.",
                    [
                        (
                            "abs(timestamp(chatserver_clock_seconds{SEL}) - chatserver_clock_seconds{SEL})",
                            "{{instance}}",
                        ),
                    ],
                    unit="s",
                    thresholds={5: "red"},
                ),
                Panel(
                    "Garbage collection",
                    "Collections of Python's collector, by generation.",
                    [rate("python_gc_collections_total", "{{generation}}", by="generation")],
                    unit="ops",
                ),
                Panel(
                    "Memory from disk",
                    "Pages that had to be read back: the machine is short of memory.",
                    [rate("chatserver_major_page_faults_total", "major faults")],
                    unit="ops",
                    thresholds={10: "red"},
                ),
            ],
        ),
    ],
)
