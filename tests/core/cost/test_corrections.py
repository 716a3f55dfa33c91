"""What corrects a locked charge, whatever was booked and is known."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from collector.core.cost.corrections import corrections
from collector.core.cost.meters import total
from collector.core.facts.bills import PodCost
from tests.builders import a_pod_run
from tests.core.cost.charged import only

LOCKED = only(a_pod_run())
UNITS = st.integers(0, 10**24).map(lambda units: Decimal(units).scaleb(-18))
CHARGES = st.builds(
    lambda cost, pending, department, class_: replace(
        LOCKED, cost=cost, cost_pending=pending, list_cost=cost, rounded_cost=None, department=department, class_=class_
    ),
    UNITS, UNITS, st.sampled_from(["maps", "vision", "unallocated"]), st.sampled_from(["useful", "failed"]),
)  # fmt: skip


def owed(charges: list[PodCost]) -> dict[str, Decimal]:
    """Amount of each department, without zeros."""
    sums = {c.department: total(d.cost or Decimal(0) for d in charges if d.department == c.department) for c in charges}
    return {department: cost for department, cost in sums.items() if cost}


@given(st.lists(CHARGES, min_size=1, max_size=5))
def test_locked_charges_and_corrections_sum_to_the_present_charge(words: list[PodCost]) -> None:
    """Exactly by department, however often a charge changes; entries are numbered on, and a repeat adds none."""
    locked, *later = words
    booked = [locked]
    for known in later:
        booked += corrections(known, booked, 2, LOCKED.day + 30, len(booked))

        assert owed(booked) == owed([known])
        assert corrections(known, booked, 2, LOCKED.day + 30, len(booked)) == []
    assert [entry.entry for entry in booked] == list(range(len(booked)))
    assert booked[0] == locked


def test_an_entry_names_the_day_it_corrects_and_has_no_seconds() -> None:
    """It stands on the booking day; what was billed of the pod stands where it was."""
    known = replace(LOCKED, cost=(LOCKED.cost or 0) + Decimal(1), version=LOCKED.version + 1)

    [entry] = corrections(known, [LOCKED], 7, LOCKED.day + 30, 1)

    assert (entry.run, entry.day, entry.entry, entry.corrects) == (7, LOCKED.day + 30, 1, LOCKED.day)
    assert (entry.cost, entry.billed_seconds, entry.meters, entry.status) == (Decimal(1), 0, (), "final")
    assert entry.version == known.version


def test_a_charge_that_lost_its_price_corrects_nothing() -> None:
    """A charge that can no longer be priced does not make a paid amount wrong."""
    assert corrections(replace(LOCKED, cost=None), [LOCKED], 1, LOCKED.day, 1) == []


def test_the_amount_that_commitments_paid_of_a_locked_charge_stays_paid() -> None:
    """A late charge is at its own price: missing coverage is not a difference, a higher cost is."""
    cost = LOCKED.cost or Decimal(0)
    half = cost / 2
    covered = replace(
        LOCKED, cost=half, rounded_cost=half, cost_pending=Decimal(0), covered_cost=cost, committed_cost=half
    )
    dearer = replace(LOCKED, cost=cost + 1, rounded_cost=cost + 1, list_cost=cost + 1)

    assert corrections(LOCKED, [covered], 2, LOCKED.day + 30, 1) == []
    [entry] = corrections(dearer, [covered], 2, LOCKED.day + 30, 1)
    assert (entry.cost, entry.covered_cost, entry.committed_cost) == (Decimal(1), None, None)
    assert corrections(replace(LOCKED, covered_cost=Decimal(0)), [covered], 2, LOCKED.day + 30, 1) != []
