"""What the runs of a template add up to."""

from collector.core.history.template import RunLengths


def test_runs_are_those_of_all_outcomes() -> None:
    """A share of success counts those that ended otherwise too; without any run both numbers are 0."""
    mixed = RunLengths({"succeeded": 3, "failed": 2})

    assert (mixed.runs, mixed.succeeded) == (5, 3)
    assert (RunLengths().runs, RunLengths({"failed": 2}).succeeded) == (0, 0)
