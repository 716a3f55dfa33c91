"""Cases of alerts/stores.py."""

from tests.promtool.cases import Case, Fires, Silent

BACKED_UP = 'lynceus_backup_last_success_timestamp_seconds{instance="lynceus-0"}'
NOT_SENT = 'lynceus_delivery_overdue_seconds{report="maps-month",instance="lynceus-0"}'
BACKUP_EVERY = 'lynceus_backup_period_seconds{instance="lynceus-0"}'
BYTES = 'lynceus_store_spool_bytes{instance="lynceus-0"}'
FREE = 'lynceus_disk_free_bytes{disk="store", instance="lynceus-0"}'
INSERT = 'lynceus_store_last_insert_timestamp_seconds{instance="lynceus-0"}'
LIMIT = 'lynceus_store_spool_limit_bytes{instance="lynceus-0"}'
PAUSED = 'lynceus_not_ready{subject="store", cluster="", cause="spool_full", instance="lynceus-0"}'
ROLLED_UP = 'lynceus_rollup_last_success_timestamp_seconds{{rollup="{}", instance="{}"}}'
ROWS = 'lynceus_store_spool_rows{instance="lynceus-0"}'
SET_ASIDE = 'lynceus_quarantined_total{{cluster="prod", kind="{}", reason="{}"}}'
SIZE = 'lynceus_disk_size_bytes{disk="store", instance="lynceus-0"}'
SLOW = 'lynceus_store_insert_duration_seconds_bucket{{table="pod_run", le="{}"}}'
FAILING = {
    "alert": "StoreInsertFailing",
    "severity": "warning",
    "labels": {"instance": "lynceus-0"},
    "summary": "The store is not accepting rows.",
}
NO_BACKUP = (
    "The newest complete backup of the store of lynceus-0 is older than 2 periods of 1h 0m 0s, or there is none. "
    "See its log and the free space of backup.to."
)
TWO_PERCENT = (
    "The disk `store` of lynceus-0 has 2 % free. `data` holds the spool, `store` the tables. "
    "Enlarge it, or shorten retention."
)

CASES: tuple[Case, ...] = (
    Fires(
        **FAILING,  # type: ignore[arg-type]
        story="rows wait while none is acknowledged, and the first insert clears it",
        series={ROWS: "40x10 100+100x20 0x10", INSERT: "0+60x10 600x20 1860+60x10"},
        silent_at=("19m", "35m"),
        fires_at=("25m",),
        text=(
            "1500 rows wait in the spool of lynceus-0. The store has acknowledged none for 5 minutes. "
            "No row is lost while the disk has room; reports are behind."
        ),
    ),
    Fires(
        **FAILING,  # type: ignore[arg-type]
        story="a store that never took a row",
        series={ROWS: "9x20"},
        fires_at=("10m",),
        text=(
            "9 rows wait in the spool of lynceus-0. The store has acknowledged none for 5 minutes. "
            "No row is lost while the disk has room; reports are behind."
        ),
    ),
    Silent(
        alert="StoreInsertFailing",
        story="an idle fleet writes nothing for hours",
        series={ROWS: "0x120", INSERT: "0x120"},
        at=("110m",),
    ),
    Fires(
        alert="StoreInsertSlow",
        severity="warning",
        story="one insert in ten takes more than ten seconds",
        series={SLOW.format("10.0"): "0+54x60", SLOW.format("30.0"): "0+60x60", SLOW.format("+Inf"): "0+60x60"},
        silent_at=("10m",),
        fires_at=("40m",),
        labels={"table": "pod_run"},
        summary="Inserts into the store are slow.",
        text=(
            "Inserts into pod_run take 28 s (99 of 100 are faster). "
            "Rows wait in the spool for longer; see the store's merges, memory and disk."
        ),
    ),
    Silent(
        alert="StoreInsertSlow",
        story="inserts as they are, and a table that was written once",
        series={
            SLOW.format("10.0"): "0+60x60",
            SLOW.format("+Inf"): "0+60x60",
            SLOW.format("10.0").replace("pod_run", "period"): "0x60",
            SLOW.format("+Inf").replace("pod_run", "period"): "1x60",
        },
        at=("40m",),
    ),
    Fires(
        alert="SpoolFillsSoon",
        severity="critical",
        story="a store that takes half of what comes",
        series={BYTES: "1x30 1+0.5x90", LIMIT: "100x120"},
        silent_at=("30m", "60m"),
        fires_at=("100m",),
        labels={"instance": "lynceus-0"},
        summary="The spool will be full within hours.",
        text=(
            "At this pace the spool of lynceus-0 is full within 4 hours. "
            "A full spool pauses the watches. Make the store accept rows."
        ),
    ),
    Silent(
        alert="SpoolFillsSoon",
        story="a burst in a small spool, and a spool of a minute's history",
        series={
            BYTES: "1x30 1+1x7 8-1x7 1x60",
            LIMIT: "100x120",
            BYTES.replace("-0", "-1"): "_x90 40+1x15",
            LIMIT.replace("-0", "-1"): "_x90 100x30",
        },
        at=("36m", "60m", "100m", "105m"),
    ),
    Fires(
        alert="SpoolNearlyFull",
        severity="critical",
        story="a spool above four fifths",
        series={BYTES: "70x10 90x20 10x10", LIMIT: "100x40"},
        silent_at=("13m", "35m"),
        fires_at=("20m",),
        labels={"instance": "lynceus-0"},
        summary="The spool is nearly full.",
        text=(
            "The spool of lynceus-0 is 90 % full. A full spool pauses the watches. "
            "Make the store accept rows, or free disk space and raise spool.max_bytes."
        ),
    ),
    Silent(
        alert="SpoolNearlyFull",
        story="a spool that drains",
        series={BYTES: "90x3 10x40", LIMIT: "100x40"},
        at=("4m", "20m"),
    ),
    Fires(
        alert="WatchesPaused",
        severity="critical",
        story="a full spool",
        series={PAUSED: "_x5 1x10 _x20"},
        silent_at=("5m", "22m"),
        fires_at=("8m", "15m"),
        labels={"instance": "lynceus-0"},
        summary="The spool is full and the watches are paused.",
        text=(
            "lynceus-0 takes no more events, since its spool is full. What happens now may become a gap. "
            "Make the store accept rows, or free disk space and raise spool.max_bytes."
        ),
    ),
    Silent(
        alert="WatchesPaused",
        story="a collector that is not ready for another reason",
        series={PAUSED.replace("spool_full", "store_unreachable"): "1x30"},
        at=("20m",),
    ),
    Fires(
        alert="DiskFills",
        severity="warning",
        story="a tenth of the disk is free",
        series={FREE: "50x10 10x30", SIZE: "100x40"},
        silent_at=("10m", "19m"),
        fires_at=("25m",),
        labels={"instance": "lynceus-0", "disk": "store"},
        summary="A disk of the collector or of the store is nearly full.",
        text=(
            "The disk `store` of lynceus-0 has 10 % free. `data` holds the spool, `store` the tables. "
            "Enlarge it, or shorten retention."
        ),
    ),
    Fires(
        alert="DiskFills",
        severity="critical",
        story="a fiftieth of the disk is free",
        series={FREE: "50x10 2x30", SIZE: "100x40"},
        silent_at=("10m", "19m"),
        fires_at=("25m",),
        labels={"instance": "lynceus-0", "disk": "store"},
        summary="A disk of the collector or of the store is nearly full.",
        text=TWO_PERCENT,
        along=(
            Fires(
                alert="DiskFills",
                severity="warning",
                story="the ticket stays open",
                series={},
                fires_at=(),
                labels={"instance": "lynceus-0", "disk": "store"},
                summary="A disk of the collector or of the store is nearly full.",
                text=TWO_PERCENT,
            ),
        ),
    ),
    Silent(
        alert="DiskFills",
        story="a merge takes half of the disk for some minutes",
        series={FREE: "50x10 4x8 50x30", SIZE: "100x50"},
        at=("17m", "18m", "30m"),
    ),
    Fires(
        alert="DiskFullSoon",
        severity="warning",
        story="a disk that fills by day and rests at night, until it is enlarged",
        series={FREE: "50-0.04x143 44x143 44-0.04x143 38x143 38-0.04x143 32x143 132x120"},
        interval="5m",
        evaluated="30m",
        silent_at=("36h", "73h"),
        fires_at=("60h", "70h"),
        labels={"instance": "lynceus-0", "disk": "store"},
        summary="A disk of the collector or of the store will be full within days.",
        text=(
            "At the pace of the last 2 days the disk `store` of lynceus-0 is full within 7 days. "
            "`data` holds the spool, `store` the tables. Enlarge it, or shorten retention."
        ),
    ),
    Silent(
        alert="DiskFullSoon",
        story="a backfill takes a fifth of the disk within three hours, and merges take and return a tenth",
        series={
            FREE: "80x719 80-0.6x35 59x600",
            FREE.replace("-0", "-1"): "50x71 40x3 " * 16,
        },
        interval="5m",
        evaluated="30m",
        at=("50h", "64h", "70h", "76h", "84h", "90h", "100h", "110h"),
    ),
    Silent(
        alert="DiskFullSoon",
        story="a disk that is full in ten weeks, and one that is watched for a day",
        series={
            FREE: "100-0.005x1248",
            FREE.replace("-0", "-1"): "_x720 50-0.04x480",
        },
        interval="5m",
        evaluated="30m",
        at=("60h", "80h", "99h"),
    ),
    Fires(
        alert="BackupOld",
        severity="warning",
        story="hourly backups stop, and a new one clears it",
        series={BACKUP_EVERY: "3600x300", BACKED_UP: "0x60 3600x180 14400x60"},
        silent_at=("100m", "230m", "245m"),
        fires_at=("241m",),
        labels={"instance": "lynceus-0"},
        summary="The store is not backed up.",
        text=NO_BACKUP,
    ),
    Fires(
        alert="BackupOld",
        severity="warning",
        story="a store that never was backed up although the settings ask for it",
        series={BACKUP_EVERY: "3600x100"},
        silent_at=("50m",),
        fires_at=("61m",),
        labels={"instance": "lynceus-0"},
        summary="The store is not backed up.",
        text=NO_BACKUP,
    ),
    Silent(
        alert="BackupOld",
        story="the settings ask for no backups any more, and another store is backed up in time",
        series={
            BACKED_UP: "0x300",
            BACKED_UP.replace("-0", "-1"): "0x100 6000x100 12000x100",
            BACKUP_EVERY.replace("-0", "-1"): "6000x300",
        },
        at=("99m", "290m"),
    ),
    Fires(
        alert="ReportNotSent",
        severity="warning",
        story="a mail server is down when a report is due, and the report arrives in the end",
        series={NOT_SENT: "0x60 60+60x40 0x60", NOT_SENT.replace("-0", "-1"): "0x60 60+60x40 0x60"},
        silent_at=("59m", "85m", "110m"),
        fires_at=("95m",),
        labels={"report": "maps-month"},
        summary="A report was not sent.",
        text=(
            "The last message of report maps-month was due 35m 0s ago and is not known to be sent. "
            "`lynceus report deliveries` says why; /readyz has the remedy."
        ),
    ),
    Silent(
        alert="ReportNotSent",
        story="a report whose collector was killed is sent by another one a few minutes later, and one that is always sent",
        series={NOT_SENT: "0x60 60+60x5 0x60", NOT_SENT.replace("maps", "all"): "0x130"},
        at=("66m", "120m"),
    ),
    Fires(
        alert="QuarantineGrowing",
        severity="warning",
        story="what is set aside",
        series={SET_ASIDE.format("pods", "json"): "0x10 2x90"},
        silent_at=("9m", "80m"),
        fires_at=("20m",),
        labels={"cluster": "prod", "kind": "pods", "reason": "json"},
        summary="Objects or rows are quarantined.",
        text=(
            "pods of prod are quarantined (json) and missing from reports. "
            "The table quarantine holds the reason and a sample."
        ),
    ),
    Fires(
        alert="QuarantineGrowing",
        severity="warning",
        story="a series that appears at 1",
        series={SET_ASIDE.format("events", "no_uid"): "_x100 1x90", 'lynceus_build_info{version="1"}': "1x200"},
        silent_at=("99m", "180m"),
        fires_at=("110m",),
        labels={"cluster": "prod", "kind": "events", "reason": "no_uid"},
        summary="Objects or rows are quarantined.",
        text=(
            "events of prod are quarantined (no_uid) and missing from reports. "
            "The table quarantine holds the reason and a sample."
        ),
    ),
    Silent(
        alert="QuarantineGrowing",
        story="rows of long ago, for a Prometheus that begins to scrape",
        series={SET_ASIDE.format("pods", "json"): "7x90", 'lynceus_build_info{version="1"}': "1x90"},
        at=("1m", "30m", "61m", "90m"),
    ),
    Fires(
        alert="RollupOld",
        severity="warning",
        story="a rollup of six hours ago, whichever collector kept it; the next update clears it",
        series={ROLLED_UP.format("cost_daily", "a"): "0x500 30000x20"},
        silent_at=("370m", "510m"),
        fires_at=("400m",),
        labels={"rollup": "cost_daily"},
        summary="A rollup is out of date.",
        text=(
            "cost_daily has not been updated for more than 6 hours. Reports stay correct but read more rows; "
            "an old `statement` lacks what arrived since. "
            "See its errors in the log; perhaps no collector holds its claim."
        ),
    ),
    Silent(
        alert="RollupOld",
        story="the other collector keeps it up to date",
        series={
            ROLLED_UP.format("workflow_hourly", "a"): "0x520",
            ROLLED_UP.format("workflow_hourly", "b"): "0+60x520",
        },
        at=("400m",),
    ),
)
