"""The pods whose replay is timed are what the bench says they are. Nothing is timed here."""

from tests.bench import savings
from tests.bench.queries import a_store


def test_all_made_pods_are_replayed() -> None:
    """Pods of all days, more at a peak than at the median, on several sizes of pools."""
    with a_store() as bench:
        savings.fill(bench, 2000)
        made = savings.report_of(bench, "ecs.c6.2xlarge").report

    assert any(note.startswith("the bill of these 2000 pods") for note in made.notes)
    assert not any(note.startswith("not compared") for note in made.notes)
    assert made.rows[0][0] < made.rows[-1][0]
