"""What a month's message says of forecast, budgets and anomalies, and in which order."""

import re
from dataclasses import replace
from decimal import Decimal
from html import unescape

import pytest
from msgspec.structs import replace as replace_fields

from collector.delivery.content import MOST_ANOMALIES, as_message
from collector.delivery.message import Message
from collector.language.language import language
from collector.reports.budgets import BudgetState
from collector.reports.completeness import ClusterGaps
from collector.reports.month_bill import MonthOutlook, MonthPlace, MonthReport
from collector.settings.delivery import ScheduledReport
from collector.web.reports.anomaly_sentence import anomaly_sentence
from tests.web.reports.bills import NOVEMBER, a_place, a_report, an_outlook, some_amounts
from tests.web.reports.made import DECEMBER_3
from tests.web.reports.test_anomaly_sentence import ONE

IS_OVER = MonthPlace(month=NOVEMBER, department="maps", today=DECEMBER_3)


def sent(found: MonthReport, tag: str = "en", url: str = "", **changes: object) -> Message:
    """The message, with plain spaces."""
    known = {"name": "month", "schedule": "monthly 09:00", "webhook": "chat", "language": tag, **changes}
    message = as_message(ScheduledReport(**known), found, "id", external_url=url)  # type: ignore[arg-type]
    figures = tuple(figure._replace(value=figure.value.replace("\xa0", " ")) for figure in message.figures)
    return replace(message, figures=figures, notes=tuple(note.replace("\xa0", " ") for note in message.notes))


def a_budget(name: str, **changes: object) -> BudgetState:
    """A budget of maps of 20,000 CNY."""
    [state] = an_outlook().budgets
    return replace(state, budget=replace_fields(state.budget, name=name), **changes)  # type: ignore[arg-type]


def leading_to(*budgets: BudgetState, anomalies: int = 0) -> MonthReport:
    """November on its 24th day, with some budgets and anomalies."""
    return a_report(a_place(), outlook=replace(an_outlook(), budgets=budgets, anomalies=(ONE,) * anomalies))


@pytest.mark.parametrize(
    ("tag", "forecast", "budget"),
    [
        (
            "en",
            ("Forecast", "18,000.00 CNY (15,000.00 to 21,000.00, in four of five cases)"),
            ("Budget maps", "62 % of 20,000.00 CNY used, 90 % likely at the end of the month"),
        ),
        (
            "zh-CN",
            ("预测", "¥18,000.00，15,000.00 至 21,000.00（80% 的可能）"),
            ("预算 maps", "已用 ¥20,000.00 的 62%，月末预计 90%"),
        ),
    ],
)
def test_forecast_and_budget_follow_what_is_to_pay(
    tag: str, forecast: tuple[str, str], budget: tuple[str, str]
) -> None:
    """They are cut last of a message that is too long."""
    figures = sent(leading_to(a_budget("maps")), tag).figures

    assert figures[1:3] == (forecast, budget)


def test_what_is_not_known_is_left_out() -> None:
    """Without a forecast the budget says what is used; an unknown budget, and no outlook, say nothing."""
    unknown = leading_to(a_budget("maps", likely=None, low=None, high=None))
    assert unknown.outlook is not None
    no_forecast = replace(unknown, outlook=replace(unknown.outlook, forecasts=()))
    nothing = leading_to(a_budget("maps", used=None, share=None, state="unknown"))

    assert ("Budget maps", "62 % of 20,000.00 CNY used") in sent(no_forecast).figures
    assert "Forecast" not in dict(sent(no_forecast).figures)
    assert "Budget maps" not in dict(sent(nothing).figures)
    for outlook in (None, MonthOutlook(forecasts=(), budgets=())):
        assert not {"Forecast", "Budget maps"} & {*dict(sent(a_report(outlook=outlook)).figures)}


@pytest.mark.parametrize(
    ("tag", "place", "figure"),
    [
        ("en", a_place(), ("Against the same days of October 2026", "+8 %, it was 1,000.00 CNY")),
        ("zh-CN", a_place(), ("较2026年10月同期", "+8%，当时为 ¥1,000.00")),
        ("en", IS_OVER, ("Against October 2026", "+8 %, it was 1,000.00 CNY")),
        ("zh-CN", IS_OVER, ("较2026年10月", "+8%，当时为 ¥1,000.00")),
    ],
    ids=["so-far-en", "so-far-zh", "over-en", "over-zh"],
)
def test_a_change_names_what_it_is_against(tag: str, place: MonthPlace, figure: tuple[str, str]) -> None:
    """As many days of the month before, or all of it; which of both amounts grew is clear."""
    assert figure in sent(a_report(place), tag).figures


def test_nothing_to_compare_is_no_change() -> None:
    """A first month has no such figure."""
    assert not [
        label for label, _ in sent(a_report(a_place(), some_amounts(before=None))).figures if "Against" in label
    ]


def test_a_message_of_all_begins_as_a_title_does() -> None:
    """As the page and the file call them."""
    assert sent(a_report(a_place(""))).title == "All departments: costs of November 2026"


def test_a_month_that_is_over_is_not_forecast() -> None:
    """What is used of its budget is final."""
    figures = dict(sent(a_report(IS_OVER, outlook=an_outlook())).figures)

    assert "Forecast" not in figures
    assert figures["Budget maps"] == "62 % of 20,000.00 CNY used"


@pytest.mark.parametrize(
    ("budget", "english", "chinese"),
    [
        (
            a_budget("maps", state="passed", used=Decimal("20500.004"), passes_on=None),
            "Budget maps is passed: 20,500.00 CNY of 20,000.00 CNY used.",
            "预算 maps 已超出：已用 ¥20,500.00，预算 ¥20,000.00。",
        ),
        (
            a_budget("maps", state="forecast", likely=Decimal(21000)),
            (
                "Budget maps of 20,000.00 CNY will probably be used up on 29 Nov 2026: "
                "21,000.00 CNY is likely at the end of the month."
            ),
            "预算 maps（¥20,000.00）预计2026年11月29日用完：月末预计 ¥21,000.00。",
        ),
        (
            a_budget("maps", state="forecast", likely=Decimal(21000), passes_on=None),
            "Budget maps of 20,000.00 CNY will probably be passed: 21,000.00 CNY is likely at the end of the month.",
            "预算 maps（¥20,000.00）预计将超出：月末预计 ¥21,000.00。",
        ),
    ],
    ids=["passed", "used-up-on-a-day", "last-day"],
)
def test_a_budget_that_is_or_will_be_passed_is_a_note(budget: BudgetState, english: str, chinese: str) -> None:
    """Budgets that are kept are none."""
    kept = [a_budget("kept", state="near"), a_budget("unknown", state="unknown", used=None, share=None)]

    assert sent(leading_to(*kept, budget)).notes == (english,)
    assert sent(leading_to(*kept, budget), "zh-CN").notes == (chinese,)


def test_of_many_budgets_the_worst_are_notes() -> None:
    """What is passed comes before what will be, the most used first; the others are counted."""
    will = [a_budget(f"will {n}", state="forecast") for n in range(2)]
    passed = [a_budget(f"passed {n}", state="passed", share=Decimal(n)) for n in (1, 3)]

    notes = sent(leading_to(*will, *passed)).notes

    assert [note.split(" of ")[0].split(" is ")[0] for note in notes[:3]] == [
        "Budget passed 3",
        "Budget passed 1",
        "Budget will 0",
    ]
    assert notes[3:] == ("1 more budget is passed or will probably be.",)


@pytest.mark.parametrize("tag", ["en", "zh-CN"])
def test_anomalies_are_the_page_s_sentences(tag: str) -> None:
    """The dearest of them, after what keeps the figures from being complete."""
    sentence = anomaly_sentence(ONE, language(tag)).replace("\xa0", " ")

    incomplete = replace(
        leading_to(a_budget("maps", state="passed"), anomalies=5), gaps=(ClusterGaps("prod-hz", 1, "1970", False),)
    )
    first, _, *notes = sent(incomplete, tag).notes

    assert first == language(tag).text("The month is incomplete: the collector missed a part of it.")
    assert tuple(notes) == (sentence,) * MOST_ANOMALIES


def test_names_are_on_one_line() -> None:
    """A name can hold anything."""
    odd = leading_to(a_budget("a\nb", state="passed"))
    assert odd.outlook is not None
    odd = replace(odd, outlook=replace(odd.outlook, anomalies=(replace(ONE, template="x\r\ny"),)))
    message = sent(odd)

    assert all(len(text.splitlines()) == 1 for text in (*message.notes, *(label for label, _ in message.figures)))


@pytest.mark.parametrize(("department", "by"), [("maps", ""), ("", "department%2C")])
def test_a_link_to_the_rows_is_that_of_the_api(department: str, by: str) -> None:
    """A webhook takes no file, so `attach: link` leads to what `attach: csv` attaches."""
    place = a_place(department)
    where = "&where=department%3Dmaps" if department else ""
    rows = (
        f"/api/v1/reports/cost?month=2026-11&by={by}project%2Ctemplate%2Cproduct%2Cpurchase%2Cclass&format=csv{where}"
    )

    message = sent(a_report(place), url="https://lynceus.example.com/", attach="link")

    assert message.rows_link == f"https://lynceus.example.com{rows}"
    assert message.text().endswith(f"\n\nDownload the rows as CSV\nhttps://lynceus.example.com{rows}\n")
    assert sent(a_report(place), url="https://lynceus.example.com").rows_link == ""


def test_a_mail_s_html_has_the_links() -> None:
    """Mail programs show it instead of the text, so it must lead to the page too; without an address there is none."""
    linked = sent(a_report(a_place()), url="https://lynceus.example.com", webhook="", to=("a@b.c",), attach="link")
    bare = sent(a_report(a_place()), webhook="", to=("a@b.c",), attach="link")

    addresses = [unescape(one) for one in re.findall(r'<a href="([^"]*)">', linked.html)]
    assert addresses == [linked.link, linked.rows_link]
    assert "https://lynceus.example.com/reports/maps?month=2026-11" in addresses
    assert "href" not in bare.html
