"""
The settings file, read again while the collector runs: what it says of clusters takes effect at once.

The content is compared and not the time: kubelet replaces a mounted ConfigMap by swapping a link, and an editor the file. A
file that became invalid is reported, and the last good one stays in force.
"""

from pathlib import Path

from msgspec.structs import fields, replace

from collector.clock import now_ms
from collector.core.live_view import SettingsRead, SourceProblem
from collector.desired import Desired, desired
from collector.service.copied_secrets import CopiedSecrets
from collector.settings.load import parse_settings
from collector.settings.model import DiscoverySettings, Settings, SettingsError

RESTART = "restart the collector when it suits you"
CORRECT = "correct it; until then the last valid settings stay in force"
LIVE = ("clusters", "cluster_defaults", "match", "discovery")
"""The settings that take effect without a restart."""


class LiveSettings:
    """The settings of clusters as the file has them now; all others as they were at the start."""

    def __init__(self, settings: Settings, file: Path | None, copied: CopiedSecrets) -> None:
        self._started_with, self._current, self._file = settings, settings, file
        self._copied = copied
        self._text = b""
        """What was read last, valid or not."""
        self._problem: SourceProblem | None = None
        self.read = SettingsRead(True, now_ms()) if file else None
        """The last reading of the file; None: there is no file."""

    def desired(self) -> Desired:
        """The clusters to watch now, by the last good settings. Blocks; raises SettingsError if a source cannot be read."""
        if self._file is not None:
            self._read_again(self._file)
        found = desired(self._current, self._copied.folder)
        problems = [*found.problems, *self._copied.problems, *([self._problem] if self._problem else [])]
        return found._replace(problems=problems)

    def discovery(self) -> DiscoverySettings:
        """Where clusters are discovered, by the last good settings."""
        return self._current.discovery

    def _read_again(self, file: Path) -> None:
        try:
            text = file.read_bytes()
            if text != self._text:
                self._text = text
                self._take(parse_settings(text, str(file)), str(file))
        except OSError as error:
            self._text = b""
            self._refuse(file, f"{file}: cannot be read: {error.strerror}")
        except SettingsError as error:
            self._refuse(file, str(error))

    def _take(self, settings: Settings, place: str) -> None:
        """Takes over what concerns clusters; a change of anything else is reported."""
        later = [
            name
            for name in (field.encode_name for field in fields(Settings))
            if name not in LIVE and getattr(settings, name) != getattr(self._started_with, name)
        ]
        self._current = replace(self._started_with, **{name: getattr(settings, name) for name in LIVE})
        self.read = SettingsRead(True, now_ms())
        self._problem = None
        if later:
            reason = f"changed, and not in force before the next start: {', '.join(later)}"
            self._problem = SourceProblem((place,), reason, RESTART, blocking=False)

    def _refuse(self, file: Path, reason: str) -> None:
        """Keeps the last good settings in force."""
        before = self.read.at if self.read else now_ms()
        self.read = SettingsRead(False, before)
        self._problem = SourceProblem((str(file),), reason.removeprefix(f"{file}: "), CORRECT, blocking=False)
