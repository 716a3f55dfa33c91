"""
Sizes that a cloud sells: a request is billed as the smallest size that is large enough in both dimensions.

That is the size with the fewest vCPUs, then with the least memory; this order reproduces the providers' own examples.
"""

import re
from bisect import bisect_left
from decimal import ROUND_CEILING, Decimal
from functools import cached_property

import msgspec

_RANGE = re.compile(r"(\d+(?:\.\d+)?)(?:\.\.(\d+(?:\.\d+)?)(?:/(\d+(?:\.\d+)?))?)?", re.ASCII)
GridRow = tuple[Decimal, list[Decimal]]
GridSize = tuple[Decimal, Decimal]


class StepRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Rule of a cloud without a list of sizes: amounts are rounded up to a step, within bounds and a ratio."""

    vcpu: Decimal
    memory_gib: Decimal
    least_vcpu: Decimal = Decimal(0)
    least_memory_gib: Decimal = Decimal(0)
    least_gib_per_vcpu: Decimal = Decimal(0)
    most_gib_per_vcpu: Decimal = Decimal(0)
    """0: no limit."""
    most_vcpu: Decimal = Decimal(0)
    most_memory_gib: Decimal = Decimal(0)


class Grid(msgspec.Struct, frozen=True, forbid_unknown_fields=True, dict=True):
    """Sizes by vCPU, each with the GiB that it is sold with: `1 2 4`, `4..16` or `16..60/4`."""

    sizes: dict[str, str] = {}
    regions: dict[str, dict[str, str]] = {}
    """Lines that replace others in one region."""
    steps: StepRule | None = None

    @cached_property
    def rows(self) -> dict[str, list[GridRow]]:
        """Sizes of each region that has its own, and of all other regions under the empty name."""
        return {region: _rows(self.sizes | own) for region, own in {**self.regions, "": {}}.items()}

    def fit(self, vcpu: Decimal, memory_gib: Decimal, region: str = "") -> GridSize | None:
        """Find the smallest size for a request; None: the request is larger than any size."""
        if self.steps is not None:
            return _round_to_steps(self.steps, vcpu, memory_gib)
        rows = self.rows.get(region, self.rows[""])
        for cores, memories in rows:
            if cores >= vcpu and (i := bisect_left(memories, memory_gib)) < len(memories):
                return cores, memories[i]
        return None


def _rows(sizes: dict[str, str]) -> list[GridRow]:
    return sorted((Decimal(cores), parse_amounts(text)) for cores, text in sizes.items())


def parse_amounts(text: str) -> list[Decimal]:
    """Parse the amounts of a line, in ascending order; ValueError names an invalid word."""
    amounts: list[Decimal] = []
    for word in text.split():
        match = _RANGE.fullmatch(word)
        if match is None:
            raise ValueError(f"invalid amount of GiB {word!r}; write 4, 4..16 or 16..60/4")
        first, last, step = Decimal(match[1]), Decimal(match[2] or match[1]), Decimal(match[3] or 1)
        if not 0 < first <= last or step <= 0 or (last - first) / step > 1000:
            raise ValueError(f"invalid range {word!r}; write an end above its begin, at most 1000 steps away")
        amounts += [first + step * i for i in range(int((last - first) / step) + 1)]
    return sorted(amounts)


def _round_to_steps(steps: StepRule, vcpu: Decimal, memory_gib: Decimal) -> GridSize | None:
    cores = _round_up(max(vcpu, steps.least_vcpu), steps.vcpu)
    memory = _round_up(max(memory_gib, steps.least_memory_gib), steps.memory_gib)
    if steps.most_gib_per_vcpu and memory > cores * steps.most_gib_per_vcpu:
        cores = _round_up(memory / steps.most_gib_per_vcpu, steps.vcpu)
    memory = _round_up(max(memory, cores * steps.least_gib_per_vcpu), steps.memory_gib)
    beyond = (steps.most_vcpu and cores > steps.most_vcpu) or (steps.most_memory_gib and memory > steps.most_memory_gib)
    return None if beyond else (cores, memory)


def _round_up(value: Decimal, step: Decimal) -> Decimal:
    """Round up to the next multiple of a step."""
    return (value / step).to_integral_value(ROUND_CEILING) * step
