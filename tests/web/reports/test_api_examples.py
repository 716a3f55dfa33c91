"""Each example of the documentation is run as it stands, against a real server."""

import asyncio
import csv
import io
import json
import os
import re
import sys
from base64 import b64encode
from collections.abc import AsyncIterator, Iterator
from decimal import Decimal
from pathlib import Path
from urllib.parse import urlencode

import aiohttp
import pytest

from collector.web.reports.api_table import REPORTS
from tests.store.running import ROOT, Running
from tests.web.reports.api_server import ALL, MAPS, Reporting, filled, reporting

PAGE = (ROOT / "docs" / "report-api.md").read_text(encoding="utf-8")


def examples(kind: str) -> list[str]:
    """The blocks of the page in a language."""
    return re.findall(rf"^```{kind}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Running, Path, str]]:
    with filled(tmp_path_factory.mktemp("examples")) as found:
        yield found


@pytest.fixture
async def api(store: tuple[Running, Path, str]) -> AsyncIterator[Reporting]:
    async with reporting(store) as found:
        yield found


async def run(api: Reporting, folder: Path, *words: str, token: str = ALL) -> str:
    """What a program prints that knows the address and the token; it must end well and say nothing on standard error."""
    env = os.environ | {"LYNCEUS": api.address.removesuffix("/api/v1/reports/"), "TOKEN": token}
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*words, cwd=folder, env=env, stdout=pipe, stderr=pipe)
    output, errors = await process.communicate()

    assert (process.returncode, errors.decode()) == (0, "")
    return output.decode()


def to_pay(rows: list[dict[str, str]]) -> Decimal:
    return sum((Decimal(row["to pay"]) for row in rows), Decimal(0))


def printed(api: Reporting, *words: str) -> list[dict[str, str]]:
    """The rows that the command prints."""
    rows: list[dict[str, str]] = json.loads(
        api.printed("report", "cost", "--month", "2026-11", *words, "--format", "json")
    )["rows"]
    return rows


async def test_examples_of_curl(api: Reporting, tmp_path: Path) -> None:
    """The first prints a report, the second chooses, the third writes a file; each has the command's figures."""
    whole, chosen, file = examples("bash")
    rows = json.loads(await run(api, tmp_path, "bash", "-c", whole))["rows"]
    some = json.loads(await run(api, tmp_path, "bash", "-c", chosen))["rows"]
    assert await run(api, tmp_path, "bash", "-c", file) == ""
    written = (tmp_path / "november.csv").read_text(encoding="utf-8-sig")

    assert rows == printed(api, "--by", "department,template")
    filters = ("--where", "department=maps", "--where", "creator!=creator-1", "--top", "10")
    assert some == printed(api, "--by", "template", *filters)
    assert to_pay([*csv.DictReader(io.StringIO(written))]) == to_pay(printed(api, "--by", "day,department"))


async def test_examples_of_pandas(api: Reporting, tmp_path: Path) -> None:
    """One reads CSV and one all pages of the JSON, with every digit."""
    pytest.importorskip("pandas")
    by_department, of_pages = examples("python")
    sums = await run(api, tmp_path, sys.executable, "-c", by_department)
    count, total = (await run(api, tmp_path, sys.executable, "-c", of_pages, token=MAPS)).split()

    for row in printed(api, "--by", "department"):
        (line,) = (line for line in sums.splitlines() if line.startswith(f"{row['department']} "))
        assert Decimal(line.split()[1]) == Decimal(row["to pay"])
    own = printed(api, "--by", "department,workflow", "--where", "department=maps")
    assert (int(count), Decimal(total)) == (len(own), to_pay(own))
    assert int(count) > 10, "more than one page"


async def test_the_request_of_power_query(api: Reporting) -> None:
    """What its Web.Contents sends with Basic credentials: any name, and the token as the password."""
    (block,) = examples("powerquery")
    path = re.findall(r'RelativePath = "(.+)"', block)[0]
    query = dict(re.findall(r'(\w+) = "([^"]*)"', re.findall(r"Query = \[(.+)\]", block)[0]))
    address = f"{api.address.removesuffix('api/v1/reports/')}{path}?{urlencode(query)}"
    headers = {"authorization": f"Basic {b64encode(f'any:{ALL}'.encode()).decode()}"}
    async with aiohttp.ClientSession() as session, session.get(address, headers=headers) as answer:
        text = (await answer.read()).decode("utf-8-sig")

    assert answer.status == 200
    assert to_pay([*csv.DictReader(io.StringIO(text))]) == to_pay(printed(api, "--by", "day,department"))


def test_every_report_is_on_the_page() -> None:
    """With the command that prints the same."""
    for report in REPORTS:
        assert f"| `/api/v1/reports/{report.name}` | `lynceus {report.command}`" in PAGE
