"""Lines of a bill that name no pod, in the statement of their month, on the real engine."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

from collector.billing.shared import StatementTerms
from collector.billing.statement import stored_lines, stored_statement
from collector.settings.bill import BillRule
from collector.store.clickhouse import Store
from tests.billing.billed import charged, import_items, lines_of, other, pods
from tests.billing.stored import write_all
from tests.billing.test_statement import A_FEE, NOVEMBER, NOW, a_round, paid, terms

NAT = BillRule(what="nat gateway", bill_product="nat_gw", replaces="nat")
EXCHANGE = '\nexchange: [{pair: CNY/USD, rate: "0.14", from: 2026-01-01, source: s}]\n'


def replace_bill(in_force: StatementTerms, *rules: BillRule) -> StatementTerms:
    """The same terms with rules for bills."""
    return replace(in_force, bill=rules)


def test_a_line_of_the_bill_is_shared_and_replaces_its_fee(store: Store, tmp_path: Path) -> None:
    """The typed fee is due until the bill has arrived; importing it again changes the line, and nothing stays of before."""
    facts = charged(pods(1))
    write_all(store, facts)
    in_force = replace_bill(terms(tmp_path, A_FEE), NAT)
    a_round(store, in_force)
    assert ("maps", "fee") in paid(store, NOVEMBER)

    import_items(store, tmp_path, [*lines_of(facts), other("nat_gw", "ngw-1", "40"), other("oss", "x", "5")], NOW)
    a_round(store, in_force, NOW + 1)
    assert paid(store, NOVEMBER) == {("maps", "usage"): Decimal("0.069264"), ("maps", "bill"): Decimal(40)}
    [line] = [line for line in stored_lines(store, NOVEMBER, 1) if line.kind == "bill"]
    assert (line.what, line.book, line.rule) == ("nat gateway", "bill alibaba 2026-11", "rule 1 of bill.rules")
    statement = stored_statement(store, NOVEMBER, 1)
    assert statement is not None
    assert "nat of ours@1 is not due: the bill has nat gateway" in statement.notes
    assert statement.books[-1].startswith("bill alibaba@")

    import_items(store, tmp_path, [other("nat_gw", "ngw-1", "41")], NOW + 5)
    a_round(store, in_force, NOW + 2)
    assert paid(store, NOVEMBER)[("maps", "bill")] == 41


def test_a_bill_of_a_month_that_has_ended_is_in_its_statement(store: Store, tmp_path: Path) -> None:
    """Such a month is computed again if something of it changed: a new import is such a change, and so is a rule."""
    october = {"BillingCycle": "2026-10"}
    in_force, month = replace_bill(terms(tmp_path), NAT), NOVEMBER - 31
    import_items(store, tmp_path, [other("nat_gw", "ngw-1", "40", **october)], NOW)
    assert a_round(store, in_force) == 2
    assert paid(store, month) == {("unallocated", "bill"): Decimal(40)}
    assert a_round(store, in_force, NOW + 1) == 1

    import_items(store, tmp_path, [other("nat_gw", "ngw-1", "41", **october)], NOW + 1)
    assert a_round(store, in_force, NOW + 2) == 2
    assert paid(store, month) == {("unallocated", "bill"): Decimal(41)}

    assert a_round(store, replace_bill(in_force, BillRule(what="other", bill_product="x")), NOW + 3) == 2
    assert paid(store, month) == {}


def test_a_bill_in_another_currency_is_converted(store: Store, tmp_path: Path) -> None:
    """At the rate of the books; without one it is in no sum, and a note says so."""
    import_items(store, tmp_path, [other("nat_gw", "ngw-1", "100", Currency="CNY")], NOW)
    without = replace_bill(terms(tmp_path), NAT)
    a_round(store, without)
    statement = stored_statement(store, NOVEMBER, 1)
    assert statement is not None
    assert "no exchange rate CNY/USD for nat gateway on the bill: it is in no sum" in statement.notes
    assert paid(store, NOVEMBER) == {}

    (tmp_path / "rate.yaml").write_text("id: rate\nversion: '1'\nsources: {s: bank}" + EXCHANGE, encoding="utf-8")
    a_round(store, replace_bill(terms(tmp_path, also=["rate.yaml"]), NAT), NOW + 1)

    assert paid(store, NOVEMBER) == {("unallocated", "bill"): Decimal(14)}
