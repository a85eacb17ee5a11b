"""The dashboard of what is stored: commits, reads, search, sizes, disk and caches."""

from scripts.grafana import Dashboard, Panel, Row, quantiles, rate

_SLOW = {0.1: "red"}

STORAGE = Dashboard(
    "storage",
    "chatserver: storage",
    "The database and the disk: how fast it writes and reads, what waits for it, how large it is.",
    [
        Row(
            "Writing",
            [
                Panel(
                    "Commits",
                    "Commits, the messages and other writes in them, and those that brought the log into the database.",
                    [
                        rate("chatserver_commit_seconds_count", "commits"),
                        rate("chatserver_commit_writes_sum", "writes"),
                        rate("chatserver_checkpoint_seconds_count", "checkpoints"),
                    ],
                    unit="ops",
                ),
                Panel(
                    "Duration of a commit",
                    "From taking a batch of writes until it is durable.",
                    quantiles("chatserver_commit_seconds", 0.5, 0.9, 0.99),
                    unit="s",
                    thresholds=_SLOW,
                ),
                Panel(
                    "Syncing",
                    "Of a commit, SQLite's COMMIT alone: what the disk takes.",
                    quantiles("chatserver_commit_sync_seconds", 0.5, 0.9, 0.99),
                    unit="s",
                    thresholds=_SLOW,
                ),
                Panel(
                    "Checkpoints",
                    "COMMITs that also brought the log into the database: mean duration over an hour.",
                    [
                        (
                            "sum(increase(chatserver_checkpoint_seconds_sum{SEL}[1h]))"
                            " / sum(increase(chatserver_checkpoint_seconds_count{SEL}[1h]))",
                            "mean",
                        ),
                    ],
                    unit="s",
                ),
                Panel(
                    "Use of the writer",
                    "1: it is never idle, and what comes has to wait.",
                    [("sum(rate(chatserver_commit_seconds_sum{SEL}[$__rate_interval]))", "busy")],
                    unit="percentunit",
                    most=1,
                    thresholds={0.8: "red"},
                ),
                Panel(
                    "Waiting to be written",
                    "How long the first write of a commit waited for it.",
                    quantiles("chatserver_write_wait_seconds", 0.5, 0.99),
                    unit="s",
                    thresholds=_SLOW,
                ),
                Panel(
                    "Writes waiting",
                    "Callers that wait for the next commit.",
                    [("sum(chatserver_writes_waiting{SEL})", "writes")],
                ),
                Panel(
                    "Writes in one commit",
                    "Many at once is how a slow disk keeps up.",
                    quantiles("chatserver_commit_writes", 0.5, 0.99),
                ),
                Panel(
                    "Failures",
                    "Commits that were undone, and commits that a part of the server could not take.",
                    [
                        rate("chatserver_commits_failed_total", "commits"),
                        rate("chatserver_bus_failures_total", "parts"),
                    ],
                    unit="ops",
                    thresholds={1e-9: "red"},
                ),
            ],
        ),
        Row(
            "Reading and searching",
            [
                Panel(
                    "Duration of a read",
                    "On its connection, one statement.",
                    quantiles("chatserver_read_seconds", 0.5, 0.9, 0.99),
                    unit="s",
                    thresholds=_SLOW,
                ),
                Panel(
                    "Use of the readers",
                    "1: no connection is ever idle, and reads wait.",
                    [
                        (
                            "sum(rate(chatserver_read_seconds_sum{SEL}[$__rate_interval]))"
                            " / sum(chatserver_readers{SEL})",
                            "busy",
                        )
                    ],
                    unit="percentunit",
                    most=1,
                    thresholds={0.8: "red"},
                ),
                Panel(
                    "Reads waiting",
                    "For a connection, beside those that run.",
                    [
                        ("sum(chatserver_reads_waiting{SEL})", "waiting"),
                        ("sum(chatserver_readers_busy{SEL})", "running"),
                    ],
                ),
                Panel(
                    "Duration of a search",
                    "Finding a page of hits; and indexing before it what is new.",
                    [
                        *quantiles("chatserver_search_seconds", 0.5, 0.99),
                        (quantiles("chatserver_search_catch_up_seconds", 0.99)[0][0], "catching up p99"),
                    ],
                    unit="s",
                ),
                Panel(
                    "Searches",
                    "Running or waiting, and those before which not all could be indexed.",
                    [
                        ("sum(chatserver_searches_pending{SEL})", "pending"),
                        rate("chatserver_searches_incomplete_total", "incomplete a second"),
                    ],
                ),
                Panel(
                    "Index behind",
                    "Since the oldest message that is not indexed, and chats with such.",
                    [
                        ("max(chatserver_search_index_lag_seconds{SEL})", "seconds"),
                        ("sum(chatserver_search_index_behind_chats{SEL})", "chats"),
                    ],
                ),
                Panel(
                    "Cache hits",
                    "Look-ups answered from memory, by cache.",
                    [
                        (
                            "sum by (cache) (rate(chatserver_cache_hits_total{SEL}[$__rate_interval])) / "
                            "(sum by (cache) (rate(chatserver_cache_hits_total{SEL}[$__rate_interval])) + "
                            "sum by (cache) (rate(chatserver_cache_misses_total{SEL}[$__rate_interval])))",
                            "{{cache}}",
                        )
                    ],
                    unit="percentunit",
                    most=1,
                ),
                Panel(
                    "Cached", "Entries, by cache.", [("sum by (cache) (chatserver_cache_entries{SEL})", "{{cache}}")]
                ),
            ],
        ),
        Row(
            "Room",
            [
                Panel(
                    "The database's files",
                    "log: committed, not yet brought into the database. search can be made anew.",
                    [
                        ("sum by (file) (chatserver_database_bytes{SEL})", "{{file}}"),
                        ("sum(chatserver_database_unused_bytes{SEL})", "unused in it"),
                    ],
                    unit="bytes",
                ),
                Panel(
                    "Disk",
                    "Free, and from where the server is not ready.",
                    [
                        ("min(chatserver_disk_free_bytes{SEL})", "free"),
                        ("min(chatserver_disk_bytes{SEL})", "size"),
                        ("max(chatserver_disk_free_min_bytes{SEL})", "least for readiness"),
                    ],
                    unit="bytes",
                ),
                Panel(
                    "Full in",
                    "At the pace of six hours; nothing while it does not grow.",
                    [
                        (
                            "min(chatserver_disk_free_bytes{SEL} / (-deriv(chatserver_disk_free_bytes{SEL}[6h]) > 0))",
                            "left",
                        )
                    ],
                    unit="s",
                ),
                Panel(
                    "Read and written",
                    "By the process, from and to disks.",
                    [
                        rate("chatserver_disk_read_bytes_total", "read"),
                        rate("chatserver_disk_written_bytes_total", "written"),
                    ],
                    unit="Bps",
                ),
                Panel("Schema", "Number of the newest migration.", [("max(chatserver_schema_version{SEL})", "schema")]),
                Panel(
                    "Removed",
                    "Events by age, messages with their authors' accounts, and pages given back to the disk.",
                    [
                        rate("chatserver_retention_events_removed_total", "events"),
                        rate("chatserver_messages_erased_total", "messages"),
                        rate("chatserver_pages_given_back_total", "pages"),
                    ],
                    unit="ops",
                ),
                Panel(
                    "Files",
                    "Everybody's files, as the quotas count them.",
                    [
                        ("sum(chatserver_file_storage_bytes{SEL})", "files"),
                        ("min(chatserver_file_storage_limit_bytes{SEL})", "limit"),
                    ],
                    unit="bytes",
                ),
            ],
        ),
    ],
)
