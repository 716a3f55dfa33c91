"""What a bill is refused for, which of its rows are bad, and how its values are read."""

from datetime import UTC
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from collector.bills import read, values
from collector.bills.errors import BadRowError, BillError
from collector.bills.mapping import MOST_BYTES, read_mapping
from tests.bills.reading import SAMPLES, ZH, a_bill, focus, total_of
from tests.processes import ROOT

USAGE = "2026-11-01,2026-11-06T01:00:00Z,Usage,1,1,USD,i-1"
ROWS = ZH.read_text("utf-8").splitlines()
REFUND = ROWS[3]


def zh(folder: Path, *rows: str) -> Path:
    """A Chinese bill of some rows."""
    path = folder / "zh.csv"
    path.write_text("\n".join((ROWS[0], *rows)), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (USAGE.replace(",1,1,", ",1,x,"), "'x' is not an amount"),
        (USAGE.replace(",1,1,", ",1,NaN,"), "'NaN' is not an amount"),
        (USAGE.replace(",1,1,", ",1,,"), "'' is not an amount"),
        (USAGE.replace(",1,1,", ",1,1e40,"), "'1e40' is larger than any amount"),
        (USAGE.replace("2026-11-01", "2026-13-01"), "'2026-13-01' is not a month"),
        (USAGE.replace("2026-11-01", "soon"), "'soon' is not a month"),
        (USAGE.replace("06T01", "06T25"), "'2026-11-06T25:00:00Z' is not a time"),
        (USAGE.replace("Usage", "Gift"), "ChargeCategory 'Gift' is none of FOCUS"),
        (USAGE.replace("USD", "dollar"), "'dollar' is not a currency"),
        (USAGE + ",more", "has 8 columns, but the header has 7"),
    ],
)
def test_a_bad_row_is_named_and_the_others_are_read(tmp_path: Path, row: str, reason: str) -> None:
    """With file and line; it is in no sum."""
    path = focus(tmp_path, USAGE, row, USAGE)

    lines, reading = a_bill(path)

    assert len(lines) == 2
    assert (reading.bad, reading.named) == (1, [f"{path}:3: {reason}"])
    assert total_of(reading) == {"USD": Decimal(2)}


def test_bad_rows_are_counted_beyond_those_that_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of nothing else does not fill the memory."""
    monkeypatch.setattr(read, "BAD_KEPT", 2)

    _, reading = a_bill(focus(tmp_path, *["x"] * 5))

    assert (reading.bad, len(reading.named)) == (5, 2)


@pytest.mark.parametrize("name", ["aws-cur2.csv", "google-detailed.jsonl", "azure-amortized.csv"])
def test_a_type_of_line_that_is_not_known_is_bad(tmp_path: Path, name: str) -> None:
    """It may count otherwise than usage does."""
    path = tmp_path / name
    text = (SAMPLES / name).read_text("utf-8").replace("Refund", "Gift").replace('"tax"', '"gift"')
    path.write_text(text, encoding="utf-8")

    assert a_bill(path)[1].bad == 1


def test_refunds_are_taken_off_whichever_sign_a_bill_gives_them(tmp_path: Path) -> None:
    """Alibaba does not say which; list amount and discount turn with the amount."""
    positive = REFUND.replace("-0.317520", "0.317520")

    [line], _ = a_bill(zh(tmp_path, positive))

    assert (line.amount, line.list_amount) == (Decimal("-0.317520"), Decimal("-0.317520"))
    assert a_bill(zh(tmp_path, REFUND))[0][0].amount == line.amount


def test_a_bill_that_mixes_the_signs_of_refunds_is_refused(tmp_path: Path) -> None:
    """Else one of them is added instead of taken off."""
    path = zh(tmp_path, REFUND, ROWS[1], REFUND.replace("-0.317520", "0.317520"))

    with pytest.raises(BillError, match=r"zh.csv:4: the bill writes refunds as positive and as negative amounts"):
        a_bill(path)


def test_a_line_with_amounts_that_do_not_agree_is_counted(tmp_path: Path) -> None:
    """List amount - discount - coupon is the amount, to a cent."""
    path = zh(tmp_path, ROWS[1].replace("0.352800", "0.452800"), ROWS[2], ROWS[1].replace("0.352800", "0.353800"))

    assert a_bill(path)[1].unequal == 1


def test_files_of_two_forms_are_not_added(tmp_path: Path) -> None:
    """Amortised and actual cost, or two providers, would be one sum."""
    with pytest.raises(BillError, match="is focus, but files before it are alibaba; import them apart"):
        a_bill(ZH, focus(tmp_path, USAGE))


def test_accounts_and_months_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each has sums in memory; and sets of columns are remembered only up to a number."""
    monkeypatch.setattr(read, "MOST_BILLS", 1)
    monkeypatch.setattr(read, "MOST_HEADERS", 1)
    path = focus(tmp_path, USAGE, USAGE.replace("-11-01", "-10-01"))

    with pytest.raises(BillError, match=r"focus.csv:3: more than 1 months and accounts"):
        a_bill(path)
    assert len(a_bill(SAMPLES / "google-detailed.jsonl")[0]) == 4


def test_the_old_english_item_is_a_billing_item(tmp_path: Path) -> None:
    """`Item` is the line's type only where no other column is."""
    path = tmp_path / "en.csv"
    path.write_text(
        "Billing Cycle,Product Code,Instance ID,Item,Bill Type,Pretax Amount,Currency\n"
        "2026-11,eci,eci-1,vCPU,Refund,-1,CNY\n",
        encoding="utf-8",
    )

    [line], _ = a_bill(path, account="42")

    assert (line.item, line.kind, line.account) == ("vCPU", "refund", "42")


def test_a_provider_of_focus_has_our_name(tmp_path: Path) -> None:
    """So that a month of its own export is replaced by its FOCUS export; an unknown one keeps its name."""
    header = "BillingPeriodStart,ChargeCategory,ChargeClass,CommitmentDiscountStatus,BilledCost,EffectiveCost,"
    rows = (
        f"2026-11-01,Usage,{text},USD" for text in (",,1,1,Alibaba Cloud", "Correction,,1,1,Oracle", ",Unused,0,1,")
    )
    path = tmp_path / "focus.csv"
    path.write_text("\n".join((header + "ProviderName,BillingCurrency", *rows)), encoding="utf-8")

    lines, _ = a_bill(path)

    assert [line.provider for line in lines] == ["alibaba", "oracle", "focus"]
    assert [line.kind for line in lines] == ["usage", "adjustment", "commitment"]


def test_unused_hours_of_a_savings_plan(tmp_path: Path) -> None:
    """A plan's fee is what it cost beyond what lines used of it; reserved usage is at its own price, the rest as it stands."""
    header = (
        "bill_billing_period_start_date,line_item_line_item_type,line_item_resource_id,line_item_unblended_cost,"
        "line_item_currency_code,savings_plan_total_commitment_to_date,savings_plan_used_commitment,"
        "reservation_effective_cost"
    )
    path = tmp_path / "cur.csv"
    rows = (
        "SavingsPlanRecurringFee,,5,USD,5,3.5,",
        "DiscountedUsage,i-1,0,USD,,,0.25",
        "SavingsPlanUpfrontFee,,9,USD,,,",
    )
    path.write_text("\n".join((header, *(f"2026-11-01T00:00:00Z,{row}" for row in rows))), encoding="utf-8")

    lines, _ = a_bill(path)

    assert [(line.kind, str(line.amount)) for line in lines] == [
        ("commitment", "1.5"),
        ("usage", "0.25"),
        ("purchase", "0"),
    ]


def test_a_list_amount_of_azure_is_price_times_quantity(tmp_path: Path) -> None:
    """Azure states the price only."""
    path = tmp_path / "azure.csv"
    path.write_text(
        "ChargeType,MeterCategory,MeterName,CostInBillingCurrency,BillingCurrencyCode,Date,PayGPrice,Quantity,"
        'Tags\nUsage,C,vCPU,0.3,USD,11/06/2026,0.2,2,"""team"": ""maps"""',
        encoding="utf-8",
    )

    [line], _ = a_bill(path)

    assert (line.list_amount, line.tags) == (Decimal("0.4"), {"team": "maps"})


def test_columns_without_a_place_are_kept_in_bounds(tmp_path: Path) -> None:
    """As text, so many and so long; a column with the name of one of ours is kept apart from it."""
    names = [f"x{i}" for i in range(40)]
    header = "BillingPeriodStart,ChargeCategory,BilledCost,EffectiveCost,BillingCurrency,amount," + ",".join(names)

    [line], _ = a_bill(focus(tmp_path, "2026-11-01,Usage,1,1,USD,5" + ",y" * 39 + "," + "z" * 300, header=header))

    assert line.amount == 1
    assert line.other["bill.amount"] == "5"
    assert len(line.other) <= 32
    assert (
        len(
            a_bill(
                focus(
                    tmp_path,
                    "2026-11-01,Usage,1,1,USD," + "z" * 300,
                    header=header[: header.index(",x1")].replace("amount,x0", "x0"),
                )
            )[0][0].other["x0"]
        )
        == 256
    )


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("1,234.5", "1234.5"),
        ("-4.445e-7", "-4.445E-7"),
        ("1e5", "100000"),
        ("0.1234567890123456785", "0.123456789012345678"),
        ("+7", "7"),
    ],
)
def test_amounts_are_exact_to_18_places(text: str, amount: str) -> None:
    """Read from the text; beyond 18 places half even."""
    assert str(values.money(text)) == amount
    assert values.money_or_none("") is None


@pytest.mark.parametrize(
    ("unit", "seconds"),
    [
        ("秒", 1),
        ("second", 1),
        ("GB-Hours", 3600),
        ("1 Hour", 3600),
        ("元/小时", 3600),
        ("USE1-vCPU-Hours:perCPU", 3600),
        ("minutes", 60),
        ("GB", 0),
        ("", 0),
        ("months", 0),
    ],
)
def test_units_of_time(unit: str, seconds: int) -> None:
    """A unit that is none is 0, and no quantity is made of it."""
    assert values.unit_seconds(unit) == seconds


@pytest.mark.parametrize(
    ("item", "meter"),
    [
        ("vCPU", "vcpu"),
        ("Autopilot Pod mCPU Requests", "vcpu"),
        ("内存", "memory"),
        ("Standard Memory Duration", "memory"),
        ("GPU卡", "gpu"),
        ("USE1-Fargate-EphemeralStorage-GB-Hours", "ephemeral"),
        ("USE1-Fargate-GB-Hours", "memory"),
        ("ecs.gn6i-c4g1.xlarge", "instance_type"),
        ("NatGateway", ""),
    ],
)
def test_what_an_item_measures(item: str, meter: str) -> None:
    """By the words of all providers."""
    assert values.meter(item) == meter


@pytest.mark.parametrize(
    ("text", "tags"),
    [
        ("key:k value:v; key:k2 value:v:2", {"k": "v", "k2": "v:2"}),
        ("k:v;k2:v2", {"k": "v", "k2": "v2"}),
        ('{"k": "v", "n": null, "i": 1}', {"k": "v", "n": "", "i": "1"}),
        ('"k": "v"', {"k": "v"}),
        ('{"k"', {"": '{"k"'}),
        ("", {}),
    ],
)
def test_tags(text: str, tags: dict[str, str]) -> None:
    """As files, answers and JSON spell them."""
    assert values.tags(text) == tags


def test_times() -> None:
    """In the bill's zone unless they have an offset; a day begins at its midnight there."""
    assert values.instant("2026-11-06 09:00:00", values.CHINA) == values.instant("2026-11-06T01:00:00Z", UTC)
    assert values.instant("20261106", values.CHINA) == values.instant("11/6/2026", values.CHINA)
    assert values.instant("2026-11-06 01:00:00 UTC", UTC) == 1793926800000
    assert values.month("11/06/2026") == values.month("202611") == values.month("20261106") == 20758
    with pytest.raises(BadRowError):
        values.month("13/06/2026")


MAPPING = """
provider: hetzner
columns: {month: Monat, amount: Betrag, instance: Server, type: Art}
constants: {currency: EUR}
kinds: {Gutschrift: credit}
"""


def mapping(folder: Path, text: str) -> Any:
    """The form of a mapping in a file."""
    path = folder / "mapping.yaml"
    path.write_text(text, encoding="utf-8")
    return read_mapping(path)


def test_a_bill_of_any_form_by_its_mapping(tmp_path: Path) -> None:
    """Headers, constants and kinds are those of the file."""
    form = mapping(tmp_path, MAPPING)
    path = tmp_path / "bill.csv"
    path.write_text("Art,Betrag,Server,Monat\nServer,3.5,i-1,2026-11\nGutschrift,-1,,2026-11\n", encoding="utf-8")

    lines, reading = a_bill(path, mapping=form)

    assert [(line.provider, line.kind, line.currency, line.instance) for line in lines] == [
        ("hetzner", "usage", "EUR", "i-1"),
        ("hetzner", "credit", "EUR", ""),
    ]
    assert total_of(reading) == {"EUR": Decimal("2.5")}
    with pytest.raises(BillError, match="has no column 'Betrag' of the mapping; its columns: BillingPeriodStart"):
        a_bill(
            focus(tmp_path, USAGE),
            mapping=mapping(tmp_path, MAPPING.replace("month: Monat", "month: BillingPeriodStart")),
        )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (MAPPING.replace("month:", "moth:"), "columns.moth: unknown; choose one of month"),
        (MAPPING.replace("{currency", "{cur"), "constants.cur: unknown"),
        (MAPPING.replace("amount: Betrag, ", ""), "columns.amount: is missing"),
        (MAPPING.replace("credit", "gift"), "kinds.Gutschrift: 'gift' is unknown; choose one of usage"),
        ("provider: x", "missing required field `columns`"),
        ("a: [", "mapping.yaml: "),
        ("#" * (MOST_BYTES + 1), "is longer than 1 MiB"),
    ],
)
def test_a_wrong_mapping_is_named(tmp_path: Path, text: str, words: str) -> None:
    """With the key and the remedy."""
    with pytest.raises(BillError, match=words):
        mapping(tmp_path, text)


def test_a_mapping_that_is_absent_is_named(tmp_path: Path) -> None:
    """As the option that names it."""
    with pytest.raises(BillError, match=r"--mapping .*absent.yaml: cannot be read"):
        read_mapping(tmp_path / "absent.yaml")


def test_the_example_is_a_mapping() -> None:
    """What a reader copies is accepted."""
    assert read_mapping(ROOT / "deploy" / "examples" / "bill-mapping.yaml").provider == "hetzner"
