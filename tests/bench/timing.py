"""
Whether the time of an answer shows that a workflow of another department exists: python -m tests.bench.timing

Asks in turns for one that is another department's, for one that is not there, and for a second one that is not there. Prints
medians and how often the first of a pair took longer; the pair of two that are not there shows what chance alone does.
"""

import asyncio
import sys
import tempfile
from pathlib import Path
from statistics import median
from time import perf_counter

import aiohttp

from tests.service.test_tenants import MARKS, TOKENS, fill, pages
from tests.store.running import start

ROUNDS = 2000
FOREIGN, ABSENT, ALSO_ABSENT = f"{MARKS['finance']}-uid", "zqnothing-uid", "zqneither-uid"


async def measure(folder: Path, rounds: int) -> dict[str, list[float]]:
    """Seconds of each answer, in the order in which they were asked for."""
    took: dict[str, list[float]] = {FOREIGN: [], ABSENT: [], ALSO_ABSENT: []}
    headers = {"authorization": f"Bearer {TOKENS['maps']}"}
    async with pages(folder) as address, aiohttp.ClientSession(headers=headers) as session:
        for number in range(rounds):
            uids = [FOREIGN, ABSENT, ALSO_ABSENT]
            for uid in uids[number % 3 :] + uids[: number % 3]:  # none is always the first
                began = perf_counter()
                async with session.get(f"{address}/api/v1/workflows/{uid}") as answer:
                    await answer.read()
                    assert answer.status == 404
                took[uid].append(perf_counter() - began)
    return took


def longer(one: list[float], other: list[float]) -> float:
    """The share of pairs in which the first took longer: 0.5 shows nothing."""
    return sum(a > b for a, b in zip(one, other, strict=True)) / len(one)


def main(rounds: int = ROUNDS) -> None:
    """Fills a store, asks, and prints."""
    with tempfile.TemporaryDirectory(prefix="lynceus-") as name:
        store = start(Path(name))
        writer = store.writer()
        fill(writer)
        writer.close()
        took = asyncio.run(measure(Path(name), rounds))
        store.stop()
    for uid, seconds in took.items():
        sys.stdout.write(f"{uid}: median {median(seconds) * 1000:.3f} ms of {rounds}\n")
    foreign, chance = longer(took[FOREIGN], took[ABSENT]), longer(took[ALSO_ABSENT], took[ABSENT])
    sys.stdout.write(
        f"another's takes longer than none in {foreign:.3f} of the pairs, none than none in {chance:.3f}\n"
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS)
