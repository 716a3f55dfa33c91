"""
`python -m tests.alerts.incidents` plays every incident, and writes docs/operate/incidents.md. It takes a minute.
"""

from pathlib import Path
from tempfile import TemporaryDirectory

from tests.alerts.incidents.page import PAGE, page, row
from tests.alerts.incidents.play import play
from tests.alerts.incidents.stories import INCIDENTS

if __name__ == "__main__":
    with TemporaryDirectory() as folder:
        PAGE.write_text(page([row(incident, play(incident, Path(folder))) for incident in INCIDENTS]), encoding="utf-8")
