"""How a collector's last steps ended, on its disk."""

from pathlib import Path

from collector.delivery.journal import LONGEST, DeliveryJournal


def test_a_collector_that_starts_again_knows_its_last_steps(tmp_path: Path) -> None:
    """And who it is: rows in the store with its name are its own."""
    first = DeliveryJournal(tmp_path / "deliveries")
    first.note("a1", "begun")
    first.note("b2", "begun")
    first.note("b2", "accepted", "250 taken\nas 4711")

    again = DeliveryJournal(tmp_path / "deliveries")

    assert again.identity == first.identity
    assert again.outcome("a1") == ("begun", "")
    assert again.outcome("b2") == ("accepted", "250 taken as 4711")
    assert again.outcome("c3") == ("", "")


def test_another_disk_is_another_collector(tmp_path: Path) -> None:
    """Without the journal it is unknown what was begun, so rows of the former must not look like its own."""
    assert DeliveryJournal(tmp_path / "a").identity != DeliveryJournal(tmp_path / "b").identity


def test_a_line_that_was_cut_off_harms_no_other(tmp_path: Path) -> None:
    """A kill may come in the middle of a line."""
    journal = DeliveryJournal(tmp_path / "deliveries")
    journal.note("a1", "accepted", "ok")
    with (tmp_path / "deliveries").open("a") as file:
        file.write("b2 beg")

    again = DeliveryJournal(tmp_path / "deliveries")
    again.note("c3", "begun")

    assert again.outcome("a1") == ("accepted", "ok")
    assert again.outcome("b2") == ("", "")
    assert DeliveryJournal(tmp_path / "deliveries").outcome("c3") == ("begun", "")


def test_the_file_does_not_grow_from_start_to_start(tmp_path: Path) -> None:
    """Each start keeps the last steps."""
    path = tmp_path / "deliveries"
    lines = [f"{number} begun " for number in range(3 * LONGEST)]
    path.write_text("\n".join(["abc", *lines]))

    DeliveryJournal(path)

    assert len(path.read_text().splitlines()) == LONGEST + 1
