"""Where links of dashboards lead."""

from dashboards import sql
from dashboards.links import to_dashboard, to_workflow, value_of


def test_a_link_keeps_the_time_and_the_chosen_values() -> None:
    """What a viewer chose holds on the next page."""
    assert to_dashboard("Queues", "q", keep=("cluster",), queue=value_of("queue"))["url"] == (
        '/d/q?var-queue=${__data.fields["queue"]:percentencode}&${prometheus:queryparam}&${datasource:queryparam}'
        "&${cluster:queryparam}&${__url_time_range}"
    )


def test_a_link_to_a_workflow_sets_the_time_in_which_it_lived() -> None:
    """The chosen time may be a day while the workflow took a minute, or end before it."""
    url = to_workflow()["url"]

    assert url.startswith('/d/lynceus-workflow?var-uid=${__data.fields["uid"]:percentencode}&')
    assert url.endswith('&from=${__data.fields["from_ms"]:percentencode}&to=${__data.fields["to_ms"]:percentencode}')
    assert "__url_time_range" not in url


def test_a_workflow_that_has_not_ended_lives_until_now() -> None:
    """Of a finished one the end may be unknown, a live one has no such column."""
    assert "ifNull(toString(toUnixTimestamp64Milli(finished_at) + 2000), 'now') AS to_ms" in sql.life()
    assert sql.life(end="").endswith("'now' AS to_ms")
