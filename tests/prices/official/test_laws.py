"""Laws of importers: no digit is lost, nothing but a BookError ends them, and the same prices in any order are one book."""

import copy
import json
import random
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collector.prices.book_yaml import BookError
from collector.prices.official.as_book import Imported
from tests.examples import examples
from tests.prices.official.made import LISTS, MEMORY, VCPU, answer, imported, offer, page, saved, skus

AMOUNT = st.decimals(min_value=Decimal("1e-9"), max_value=1000, places=9)
NAMES = st.integers(0, 40).map(lambda i: f"region-{i}")
one_folder = settings(max_examples=examples(100), suppress_health_check=[HealthCheck.function_scoped_fixture])
JSON_LISTS = [json.loads(path.read_text()) for path in sorted(LISTS.glob("*.json"))]
ODD: st.SearchStrategy[Any] = st.sampled_from(
    [None, 0, -1, 1e300, 0.1, "", "x", "-1", "1e400", [], {}, "2026-13-01T00:00:00Z", True, "*", "∞"]
)


def amounts(made: Imported) -> dict[tuple[str, str], Decimal]:
    """Each price of vCPU and memory of a book, by its region."""
    return {(r["region"], m): Decimal(r[m]) for r in made.rows for m in ("vcpu", "memory") if m in r}


@one_folder
@given(st.dictionaries(NAMES, st.tuples(AMOUNT, AMOUNT), min_size=1, max_size=8), st.randoms(use_true_random=False))
def test_no_digit_of_a_list_is_lost(
    tmp_path: Path, regions: dict[str, tuple[Decimal, Decimal]], chance: random.Random
) -> None:
    """AWS writes amounts as text, Azure as numbers, Google as units and nanos; the order of a list does not matter."""
    wanted = {(region, m): p for region, both in regions.items() for m, p in zip(("vcpu", "memory"), both, strict=True)}
    meters = {
        "vcpu": (VCPU, "Standard vCPU Duration", "1 Hour"),
        "memory": (MEMORY, "Standard Memory Duration", "1 GB Hour"),
    }
    prices = [(region, *meters[meter], price) for (region, meter), price in wanted.items()]
    chance.shuffle(prices)
    aws = offer(*({**usage, "region": region, "price": f"{price:f}"} for region, usage, _, _, price in prices))
    azure = page(
        *(
            {"armRegionName": region, "meterName": name, "unitOfMeasure": unit, "retailPrice": f"#{price:f}#"}
            for region, _, name, unit, price in prices
        )
    )
    numbers = json.dumps(azure).replace('"#', "").replace('#"', "")

    assert amounts(imported(saved(tmp_path, aws))) == wanted
    assert amounts(imported(saved(tmp_path, numbers))) == wanted


@one_folder
@given(st.integers(0, 999), st.integers(0, 999_999_999), st.integers(1, 999_999_999))
def test_a_thousand_thousandths_of_a_vcpu_are_one(tmp_path: Path, units: int, nanos: int, memory: int) -> None:
    """Units and nanos of a thousandth, as Google lists them."""
    parts = [{"units": str(units), "nanos": nanos + (not units and not nanos)}]
    parts.append({"name": "Pod Memory Requests", "unit": "GiBy.h", "quantity": 1, "nanos": memory})
    found = amounts(imported(saved(tmp_path, skus(*parts))))

    assert found["europe-west1", "vcpu"] * 10**6 == units * 10**9 + int(parts[0]["nanos"])  # type: ignore[call-overload]
    assert found["europe-west1", "memory"] * 10**9 == memory


@one_folder
@given(
    st.decimals(min_value=Decimal("1e-10"), max_value=1, places=10),
    st.decimals(min_value=Decimal("1e-10"), max_value=1, places=10),
    st.sets(st.tuples(st.sampled_from([1, 2, 4, 8]), st.sampled_from([2, 4, 8, 16, 32])), min_size=2, max_size=5),
)
def test_the_prices_behind_any_sizes_are_found_exactly(
    tmp_path: Path, vcpu: Decimal, memory: Decimal, sizes: set[tuple[int, int]]
) -> None:
    """Or the sizes are all of one shape, which is refused."""
    files = [
        saved(tmp_path, answer(f"{vcpu * c + memory * g:f}"), f"cn-hangzhou_{c}-{g}Gi.json") for c, g in sorted(sizes)
    ]
    if len({Decimal(c) / g for c, g in sizes}) == 1:
        with pytest.raises(BookError, match="one size does not show"):
            imported(*files)
    else:
        assert amounts(imported(*files)) == {("cn-hangzhou", "vcpu"): vcpu, ("cn-hangzhou", "memory"): memory}


def paths(document: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The place of each value in a document."""
    inner = (
        document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    )
    return [path, *(deeper for key, value in inner for deeper in paths(value, (*path, key)))]


def is_sound(path: Path) -> bool:
    """Whether a file is refused by its name, or makes prices above 0."""
    try:
        return all(amount > 0 for amount in amounts(imported(path)).values())
    except BookError as error:
        return str(error).startswith(f"{path}: ")


@one_folder
@given(st.data())
def test_a_list_with_any_odd_value_is_read_or_refused(tmp_path: Path, data: st.DataObject) -> None:
    """With the name of the file; it never fails in another way, and never makes an amount that is not positive."""
    document = copy.deepcopy(data.draw(st.sampled_from(JSON_LISTS)))
    place = data.draw(st.sampled_from(paths(document)[1:]))
    parent = document
    for key in place[:-1]:
        parent = parent[key]
    parent[place[-1]] = data.draw(ODD)
    path = saved(tmp_path, document, "cn-hangzhou_2-4Gi.json")

    assert is_sound(path)


@one_folder
@given(st.data())
def test_a_csv_that_is_cut_or_changed_is_read_or_refused(tmp_path: Path, data: st.DataObject) -> None:
    """As a broken download is."""
    text = (LISTS / "aws-regions.csv").read_text()
    begin = data.draw(st.integers(0, len(text)))
    end = min(len(text), begin + data.draw(st.integers(0, 30)))
    path = saved(tmp_path, text[:begin] + data.draw(st.sampled_from(["", '"', "\n", "\0", "-1", ","])) + text[end:])

    assert is_sound(path)
