"""Cases of alerts/cost.py."""

from tests.promtool.cases import Case, Fires, Silent

A, B = (
    f'lynceus_cost_running_per_hour{{cluster="prod", product="{name}", currency="USD"}}' for name in ("ecs", "ecs-spot")
)
COST = 'lynceus_cost_total{cluster="prod", namespace="ml", product="ecs", currency="USD"}'
UNALLOCATED = 'lynceus_cost_unallocated_total{cluster="prod", currency="USD"}'
ATTEMPTS = 'lynceus_attempt_cost_total{{cluster="prod", namespace="ml", class="{}", currency="USD"}}'
EXCESS = 'lynceus_cost_anomaly_excess{department="maps", currency="USD"}'
DAYS_7 = 7 * 24 * 2
"""Samples each 30 minutes."""
BUDGET = 'budget="maps", department="maps", currency="CNY"'
USED = f"lynceus_budget_used_ratio{{{BUDGET}}}"
LIKELY = f'lynceus_budget_forecast_ratio{{{BUDGET}, bound="likely"}}'
REACHED = "lynceus_budget_threshold_reached{{" + BUDGET + ', kind="{}", percent="{}"}}'
OF_MAPS = {"budget": "maps", "department": "maps", "currency": "CNY"}
SPIKE = "A cluster costs far more than a week ago."


CASES: tuple[Case, ...] = (
    Fires(
        alert="CostSpike",
        severity="warning",
        story="two products together cost three times as much as a week ago",
        interval="30m",
        evaluated="30m",
        series={A: f"15x{DAYS_7} 45x4 15x8", B: f"5x{DAYS_7} 15x4 5x8"},
        silent_at=("167h", "168h30m", "171h"),
        fires_at=("169h", "170h"),
        labels={"cluster": "prod", "currency": "USD"},
        summary=SPIKE,
        text="Pods that run on prod cost 60.00 USD an hour, more than 2 times as much as at this time 7 days ago.",
    ),
    Silent(
        alert="CostSpike",
        story="the same peak every week, half an hour earlier than last time",
        interval="30m",
        evaluated="30m",
        series={A: "10x47 40x5 10x328 40x5 10x20"},
        at=("191h", "191h30m", "192h", "193h", "194h", "195h"),
    ),
    Silent(
        alert="CostSpike",
        story="a fleet that began two days ago, and a small one whose cost is ten times as high",
        interval="30m",
        evaluated="30m",
        series={
            A: "50x48 500x100",
            'lynceus_cost_running_per_hour{cluster="small", product="ecs", currency="USD"}': f"0.5x{DAYS_7} 5x6",
        },
        at=("30m", "24h30m", "25h", "30h", "169h", "170h"),
    ),
    Silent(
        alert="CostSpike",
        story="a burst that ends within half an hour, in a week of history with a hole",
        interval="30m",
        evaluated="30m",
        series={A: f"15x15 stale _x2 15x{DAYS_7 - 19} 90 15x8"},
        at=("168h", "168h30m", "169h", "170h"),
    ),
    Fires(
        alert="CostAnomaly",
        severity="warning",
        story="a version that takes twice as long, seen by two replicas",
        interval="10m",
        evaluated="10m",
        series={
            EXCESS.replace("}", ', instance="a"}'): "_x6 20x6 120x20",
            EXCESS.replace("}", ', instance="b"}'): "_x6 20x6 120x20",
        },
        silent_at=("1h", "2h"),
        fires_at=("2h30m", "4h"),
        labels={"department": "maps", "currency": "USD"},
        summary="Workflows of a department cost far more than usual.",
        text=(
            "What began to cost far more than usual for maps today or yesterday cost 120.00 USD more so far. "
            "`lynceus report anomalies` names it, and why."
        ),
    ),
    Silent(
        alert="CostAnomaly",
        story="an anomaly of little money, and one that ends",
        interval="10m",
        evaluated="10m",
        series={EXCESS: "49x30", EXCESS.replace("maps", "sim"): "80 _x30"},
        at=("30m", "3h", "5h"),
    ),
    Fires(
        alert="UnpricedPods",
        severity="warning",
        story="pods of a machine type that no book has, five in a hundred",
        series={
            'lynceus_cost_unpriced_pods_total{cluster="prod", reason="no_price_book"}': "0x10 1+1x60 61x90",
            'lynceus_pod_start_latency_seconds_count{cluster="prod", namespace="ml"}': "0+20x160",
        },
        silent_at=("10m", "140m"),
        fires_at=("70m",),
        labels={"cluster": "prod", "reason": "no_price_book"},
        summary="Pods have no price, or a guessed one.",
        text=(
            "60 pods of prod ended in 1 hour without an exact price (no_price_book), more than 1 % of the pods that started. "
            "Bills are too low, or a guess."
        ),
    ),
    Silent(
        alert="UnpricedPods",
        story="one in a thousand, an old total that appears, and a collector that restarts",
        series={
            'lynceus_cost_unpriced_pods_total{cluster="prod", reason="no_price_book"}': "0x30 1x30 2x60",
            'lynceus_cost_unpriced_pods_total{cluster="prod", reason="no_spot_price"}': "_x10 9x20 _x2 9x90",
            'lynceus_pod_start_latency_seconds_count{cluster="prod", namespace="ml"}': "0+20x160",
        },
        at=("11m", "40m", "70m", "120m"),
    ),
    Fires(
        alert="PricesStale",
        severity="warning",
        story="the last row of a book ends in a week",
        interval="1h",
        evaluated="1h",
        series={'lynceus_price_book_valid_until_timestamp_seconds{book="aliyun"}': "864000x200"},
        silent_at=("1h", "71h"),
        fires_at=("73h", "83h"),
        labels={"book": "aliyun", "age": "ends"},
        summary="A price book is out of date.",
        text="The last row of the price book aliyun ends in 7 day(s). Pods after it have no price.",
    ),
    Fires(
        alert="PricesStale",
        severity="warning",
        story="a book whose last row has ended",
        interval="1h",
        evaluated="1h",
        series={'lynceus_price_book_valid_until_timestamp_seconds{book="aliyun"}': "3600x200"},
        fires_at=("2h", "100h"),
        labels={"book": "aliyun", "age": "ends"},
        summary="A price book is out of date.",
        text="The last row of the price book aliyun ends in 0 day(s). Pods after it have no price.",
    ),
    Fires(
        alert="PricesStale",
        severity="warning",
        story="a price list that was not read for half a year",
        interval="1d",
        evaluated="1d",
        series={'lynceus_price_book_read_timestamp_seconds{book="aws"}': "0x185"},
        silent_at=("100d", "180d"),
        fires_at=("181d",),
        labels={"book": "aws", "age": "unread"},
        summary="A price book is out of date.",
        text="The source of a price in use of the book aws was last read 181 days ago. Bills may be wrong.",
    ),
    Silent(
        alert="PricesStale",
        story="a new book beside the old one while a new release rolls out, and a book without an end",
        interval="1h",
        evaluated="1h",
        series={
            'lynceus_price_book_valid_until_timestamp_seconds{book="aliyun", instance="old"}': "3600x100",
            'lynceus_price_book_valid_until_timestamp_seconds{book="aliyun", instance="new"}': "8640000x100",
            'lynceus_price_book_read_timestamp_seconds{book="open"}': "0x100",
        },
        at=("1h", "10h", "90h"),
    ),
    Fires(
        alert="CostUnallocated",
        severity="warning",
        story="a new namespace without a department, a sixth of the cost",
        interval="10m",
        evaluated="10m",
        series={
            COST: "0+2x300",
            COST.replace('"ml"', '"new"'): "0x30 0+0.4x300",
            UNALLOCATED: "0x30 0+0.4x300",
        },
        silent_at=("5h", "13h"),
        fires_at=("36h", "40h"),
        labels={"cluster": "prod", "currency": "USD"},
        summary="No department pays a part of the cost.",
        text="No department pays 17 % of what pods on prod cost (USD) in 1 day. Add a rule to attribution.department.",
    ),
    Silent(
        alert="CostUnallocated",
        story="one pod in fifty, a few coins, and a collector that restarts with its totals",
        interval="10m",
        evaluated="10m",
        series={
            COST: "0+2x200 stale _x2 406+2x100",
            UNALLOCATED: "0+0.04x200 stale _x2 8.12+0.04x100",
            COST.replace("prod", "small"): "0+0.05x300",
            UNALLOCATED.replace("prod", "small"): "0+0.05x300",
        },
        at=("10m", "30m", "20h", "33h40m", "34h", "45h"),
    ),
    Silent(
        alert="CostUnallocated",
        story="totals that Prometheus sees for the first time, and one batch of an hour",
        interval="10m",
        evaluated="10m",
        series={
            COST: "_x10 5000+2x300",
            UNALLOCATED: "_x10 5000x100 5000+10x6 5060x100",
        },
        at=("2h", "3h", "9h", "20h", "24h"),
    ),
    Fires(
        alert="WasteHigh",
        severity="warning",
        story="half of the money is for attempts that failed or were retried",
        interval="10m",
        evaluated="10m",
        series={
            ATTEMPTS.format("useful"): "0+2x300",
            ATTEMPTS.format("failed"): "0x30 0+1x300",
            ATTEMPTS.format("retried"): "0x30 0+1x300",
        },
        silent_at=("5h", "13h"),
        fires_at=("30h", "40h"),
        labels={"cluster": "prod", "namespace": "ml", "currency": "USD"},
        summary="Much of the cost is for work without a result.",
        text=(
            "50 % of what finished attempts in ml on prod cost (USD) in 1 day was not useful: "
            "failed, retried, reclaimed or cancelled work."
        ),
    ),
    Silent(
        alert="WasteHigh",
        story="the usual tenth, a few coins, and a collector that restarts with its totals",
        interval="10m",
        evaluated="10m",
        series={
            ATTEMPTS.format("useful"): "0+2x200 stale _x2 406+2x100",
            ATTEMPTS.format("reclaimed"): "90+0.2x200 stale _x2 130.6+0.2x100",
            ATTEMPTS.format("failed").replace("ml", "small"): "0+0.05x300",
        },
        at=("10m", "30m", "20h", "33h40m", "34h", "45h"),
    ),
    Fires(
        alert="BudgetPassed",
        severity="warning",
        story="a budget that is used up on the second day, as two collectors report",
        interval="1h",
        evaluated="1h",
        series={USED: "0.5+0.02x24 1.04x40", USED.replace("{", '{instance="b", '): "0.5+0.02x24 1.04x40"},
        silent_at=("1h", "24h"),
        fires_at=("25h", "40h"),
        labels=OF_MAPS,
        summary="A budget is used up.",
        text="104 % of the budget maps (CNY) is used this month.",
    ),
    Fires(
        alert="BudgetNearlyPassed",
        severity="warning",
        story="the first threshold of a budget is reached, until all of it is used",
        interval="1h",
        evaluated="1h",
        series={
            USED: "0.7x9 0.81x20 1.02x40",
            REACHED.format("actual", 80): "0x9 1x60",
            REACHED.format("actual", 100): "0x29 1x60",
        },
        silent_at=("9h", "10h", "31h", "50h"),
        fires_at=("11h", "29h"),
        labels=OF_MAPS,
        summary="A budget is nearly used up.",
        text="81 % of the budget maps (CNY) is used this month.",
    ),
    Fires(
        alert="BudgetForecastToPass",
        severity="warning",
        story="a month that will likely cost more than its budget, until it does",
        interval="1h",
        evaluated="1h",
        series={
            USED: "0.5+0.01x60",
            LIKELY: "0.9x9 1.2x60",
            REACHED.format("forecast", 100): "0x9 1x60",
        },
        silent_at=("9h", "15h", "50h", "55h"),
        fires_at=("16h", "49h"),
        labels=OF_MAPS,
        summary="A budget will likely be passed.",
        text="This month will likely cost 120 % of the budget maps (CNY).",
    ),
    Silent(
        alert="BudgetForecastToPass",
        story="a forecast that is above the budget for some hours of a day, and one that is not known",
        interval="1h",
        evaluated="1h",
        series={
            USED: "0.5x60",
            LIKELY: "0.9x9 1.01x4 0.9x40",
            REACHED.format("forecast", 100): "0x9 1x4 0x40",
            USED.replace("maps", "new"): "0.2x60",
        },
        at=("9h", "13h", "16h", "30h"),
    ),
    Silent(
        alert="BudgetNearlyPassed",
        story="half of a budget is used, and what is likely passes it",
        interval="1h",
        evaluated="1h",
        series={
            USED: "0.5x60",
            LIKELY: "1.2x60",
            REACHED.format("actual", 80): "0x60",
            REACHED.format("forecast", 100): "1x60",
        },
        at=("1h", "30h"),
    ),
    Silent(
        alert="BudgetPassed",
        story="nearly all of a budget is used, and a new month begins",
        interval="1h",
        evaluated="1h",
        series={USED: "0.99x10 0.01x40"},
        at=("1h", "10h", "30h"),
    ),
)
