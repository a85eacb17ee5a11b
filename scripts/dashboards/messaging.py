"""WebSockets: frames, from author to reader, slow readers, connections."""

from scripts.grafana import Dashboard, Panel, Row, quantiles, rate

_ACK = "chatserver_receive_to_ack_seconds"
_DELIVERY = "chatserver_commit_to_delivery_seconds"
_WHOLE = "chatserver_receive_to_delivery_seconds"
_BAD = {0.1: "orange", 0.5: "red"}
"""For durations that people wait for, in seconds."""
_ANY = {1e-9: "red"}
"""For what should never be: green is zero."""

MESSAGING = Dashboard(
    "messaging",
    "chatserver: messaging",
    "WebSockets: what clients ask for, how fast it is done, who does not keep up, and why connections end.",
    [
        Row(
            "Frames from clients",
            [
                Panel(
                    "Rate by type",
                    "Frames that were answered or done, by type.",
                    [rate("chatserver_frame_seconds_count", "{{type}}", by="type")],
                    unit="ops",
                    stacked=True,
                ),
                Panel(
                    "Refused by type",
                    "Frames that ended in a refusal.",
                    [rate("chatserver_frame_errors_total", "{{type}}", by="type")],
                    unit="ops",
                    stacked=True,
                ),
                Panel(
                    "Duration by type",
                    "The slowest hundredth, from taking a frame until it is answered.",
                    quantiles("chatserver_frame_seconds", 0.99, by="type"),
                    unit="s",
                    thresholds=_BAD,
                ),
            ],
        ),
        Row(
            "From author to reader",
            [
                Panel(
                    "Sending",
                    "From taking a message to its ack, the durable commit included.",
                    quantiles(_ACK, 0.5, 0.9, 0.99),
                    unit="s",
                    thresholds=_BAD,
                ),
                Panel(
                    "Delivery",
                    "From a durable commit until it is written to every session.",
                    quantiles(_DELIVERY, 0.5, 0.9, 0.99),
                    unit="s",
                    thresholds=_BAD,
                ),
                Panel(
                    "Both",
                    "From a commit's first message until all of it is written to every session.",
                    quantiles(_WHOLE, 0.5, 0.9, 0.99),
                    unit="s",
                    thresholds=_BAD,
                ),
                Panel(
                    "Deliveries",
                    "Events given to sessions, and in how many frames.",
                    [rate("chatserver_deliveries_total", "events"), rate("chatserver_fan_out_frames_total", "frames")],
                    unit="ops",
                ),
                Panel(
                    "Bytes delivered",
                    "In frames with events.",
                    [rate("chatserver_fan_out_bytes_total", "bytes")],
                    unit="Bps",
                ),
                Panel(
                    "Frames taken",
                    "WebSocket messages of any kind.",
                    [rate("chatserver_frames_received_total", "frames")],
                    unit="ops",
                ),
            ],
        ),
        Row(
            "Slow readers",
            [
                Panel(
                    "Waiting for sockets",
                    "Bytes that wait for all sessions and for the slowest, and its limit.",
                    [
                        ("sum(chatserver_outbox_bytes{SEL})", "all"),
                        ("max(chatserver_outbox_largest_bytes{SEL})", "one"),
                        ("min(chatserver_outbox_limit_bytes{SEL})", "limit of one"),
                    ],
                    unit="bytes",
                ),
                Panel(
                    "Closed for it",
                    "Sessions closed with 4429. They resume and lose nothing.",
                    [rate("chatserver_slow_consumers_closed_total", "closed")],
                    unit="ops",
                    thresholds=_ANY,
                ),
                Panel(
                    "Most that ever waited",
                    "For the sessions that ended: the worst tenth and hundredth.",
                    quantiles("chatserver_outbox_high_water_bytes", 0.9, 0.99),
                    unit="bytes",
                ),
            ],
        ),
        Row(
            "Connections",
            [
                Panel(
                    "Open",
                    "WebSockets, and those that are greeted.",
                    [
                        ("sum(chatserver_websockets_open{SEL})", "WebSockets"),
                        ("sum(chatserver_sessions{SEL})", "sessions"),
                    ],
                ),
                Panel(
                    "Opened and closed",
                    "Closed by code: 1000 and 1001 by the client, 1006 lost, 1012 restart, 44xx refused.",
                    [
                        rate("chatserver_websockets_opened_total", "opened"),
                        rate("chatserver_websockets_closed_total", "closed {{code}}", by="code"),
                    ],
                    unit="ops",
                ),
                Panel(
                    "Greetings",
                    "new: without a copy; resumed: goes on with its copy; reset: a copy of another database.",
                    [rate("chatserver_hellos_total", "{{result}}", by="result")],
                    unit="ops",
                    stacked=True,
                ),
                Panel(
                    "Reconnects by cause",
                    "What ended the connection before; unknown after a restart of the server.",
                    [rate("chatserver_reconnects_total", "{{cause}}", by="cause")],
                    unit="ops",
                    stacked=True,
                ),
                Panel(
                    "Away before a reconnect",
                    "How long sessions that came back were gone.",
                    quantiles("chatserver_reconnect_delay_seconds", 0.5, 0.9),
                    unit="s",
                ),
            ],
        ),
    ],
)
