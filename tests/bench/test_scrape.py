"""The bench of scrapes measures like with like. Nothing is timed here."""

import gzip

from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_plain

from tests.bench.scrape import CLIENT, cases
from tests.exposition.test_lines import read

OF_THE_PROCESS = ("process_", "python_gc_")


async def test_every_case_answers_the_same_samples() -> None:
    """But for the process's own, which change meanwhile and are none of prometheus-client's case."""
    bodies = {case: await answer() for case, answer in cases(1000).items()}
    bodies["OpenMetrics, gzip"] = gzip.decompress(bodies["OpenMetrics, gzip"])

    found = {
        case: [
            family[3]
            for family in read(parse_plain if case == "plain text" else parse_openmetrics, body, exemplars=False)
            if not family[0].startswith(OF_THE_PROCESS)
        ]
        for case, body in bodies.items()
    }

    assert all(samples == found[CLIENT] for samples in found.values())
    assert sum(map(len, found[CLIENT])) >= 900
