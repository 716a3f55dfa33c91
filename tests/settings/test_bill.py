"""The `bill` settings: rules for lines of the provider's bill that name no pod."""

import pytest

from collector.settings.load import parse_settings
from collector.settings.model import SettingsError

RULE = "bill: {rules: [{what: nat, bill_product: nat_gw%s}]}"


def test_a_rule_takes_lines_and_shares_them() -> None:
    """By any of their columns and tags, in any of the ways of a fee."""
    text = RULE % ", bill_tags: {team: maps}, clusters: [c1], basis: fixed, shares: {maps: '0.25', sre: '0.75'}"

    [rule] = parse_settings(text.encode(), "x").bill.rules

    assert (rule.what, rule.bill_product, rule.bill_tags, rule.clusters) == ("nat", "nat_gw", {"team": "maps"}, ("c1",))
    assert rule.shares == {"maps": "0.25", "sre": "0.75"}
    assert parse_settings(b"bill: {rules: [{what: x, bill_tags: {a: b}}]}", "x").bill.rules[0].basis == "proportional"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("bill: {rules: [{what: '', bill_product: x}]}", r"bill.rules\[0\].what: is empty"),
        ("bill: {rules: [{what: x}]}", r"bill.rules\[0\]: would take every line"),
        (RULE % ", basis: fixed", r"bill.rules\[0\].shares: belongs to `basis: fixed`"),
        (RULE % ", metric: pods", r"bill.rules\[0\].metric: belongs to `basis: metric`"),
        (RULE % ", basis: fixed, shares: {a: '0.5'}", "shares: sum to 0.5; they must sum to 1"),
        (RULE % ", basis: fixed, shares: {a: half}", "shares.a: 'half' is not a part"),
        (RULE % ", basis: fixed, shares: {a: '2'}", "shares.a: '2' is not a part"),
    ],
)
def test_a_wrong_rule_is_named(text: str, words: str) -> None:
    """With its place and the remedy."""
    with pytest.raises(SettingsError, match=words):
        parse_settings(text.encode(), "x")
