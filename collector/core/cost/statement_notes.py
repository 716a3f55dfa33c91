"""
The sentences of a month's statement: what is in no line or needs attention, and the rule of a shared cost.

The store keeps them in English, some in months that are locked. Each is declared here once: who writes a statement fills it
in, and who shows it in another language finds its message and its values again.
"""

import re
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

BILL_PROVISIONAL = "bill of {bill}: provisional until the provider's invoice; import it with --final then"
BILL_PROVISIONAL_UNTIL = "bill of {bill}: provisional until {time}; import it again after that"
BILL_WITHOUT_RATE = "no exchange rate {currencies} for {what} on the bill: it is in no sum"
FEE_REPLACED = "{fee} of {book} is not due: the bill has {what}"
FEE_WITHOUT_RATE = "no exchange rate for {fee} of {book}: it is in no sum"
FEE_OF_NONE = (
    "{fee} of {book}: no cluster used {product}, so it is due once and unallocated; name its `clusters` in the price book "
    "if it is due for each of them"
)
COMMITMENT_APPLIED = (
    "commitment {plan} of {book}: {committed} {currency} cover {covered} at list price; applied until {time}, later charges "
    "are at their own price"
)
COMMITMENT_NOT_APPLIED = "commitment {plan} is not applied in this month; run `lynceus reprice` to apply it"
IDLE_WITHOUT_BOOK = "idle cost of plain nodes is unknown; add `plain-node` to the settings' `prices`"
IDLE_ALLOCATED = (
    "idle of plain nodes {amount}, not used by any pod of a workflow; allocated to departments by what they spent on the "
    "nodes"
)
IDLE_IN_NO_SUM = "idle of plain nodes {amount}, not used by any pod of a workflow; in no sum"
CHARGED_BEYOND = "pods were charged {amount} more than their nodes cost"
NODES_WITHOUT_PRICE = "idle cost of {number} plain nodes ({names}) is unknown: no price"
NODES_UNSEEN = "idle cost of {number} plain nodes ({names}) is unknown: not watched on some days"
MORE_NAMES = "{names} and {number} more"
"""In the place of names where there are many."""
NODES_WITHOUT_WORKFLOWS = "plain nodes that ran no pod of a workflow: {number}; their price of {amount} is in no sum"
BEFORE_STATEMENTS = "the month was locked by a release without statements: shared costs are in no line"
NOTES = (
    BILL_PROVISIONAL,
    BILL_PROVISIONAL_UNTIL,
    BILL_WITHOUT_RATE,
    FEE_REPLACED,
    FEE_WITHOUT_RATE,
    FEE_OF_NONE,
    COMMITMENT_APPLIED,
    COMMITMENT_NOT_APPLIED,
    IDLE_WITHOUT_BOOK,
    IDLE_ALLOCATED,
    IDLE_IN_NO_SUM,
    CHARGED_BEYOND,
    NODES_WITHOUT_PRICE,
    NODES_UNSEEN,
    NODES_WITHOUT_WORKFLOWS,
    BEFORE_STATEMENTS,
)
FEE_RULE = "{amount} {currency} per {per}"
COMMITMENT_RULE = "unused part of the hours"
IDLE_RULE = "price of the nodes minus what their pods were charged"
BILL_RULE = "rule {number} of bill.rules"
RULES = (COMMITMENT_RULE, IDLE_RULE, BILL_RULE)
"""Those that are sentences; a fee's rule is an amount."""
_PLACE = re.compile(r"\\{(\w+)\\}")


class Filled(NamedTuple):
    """A sentence as its message and the values in it."""

    message: str
    values: dict[str, str]


def find_message(sentence: str, messages: Sequence[str]) -> Filled | None:
    """Finds the message that a sentence was made of; None: it is none of these."""
    for message in messages:
        if found := _pattern(message).fullmatch(sentence):
            return Filled(message, found.groupdict())
    return None


@cache
def _pattern(message: str) -> re.Pattern[str]:
    return re.compile(_PLACE.sub(r"(?P<\1>.+)", re.escape(message)), re.DOTALL)
