"""
Opens the receiver that the settings name; the library behind it is optional.
"""

from collector.settings.model import SettingsError
from collector.settings.traces import TraceSettings
from collector.traces.receiver import TraceReceiver

LIBRARY = "opentelemetry-exporter-otlp-proto-http"


def open_receiver(settings: TraceSettings) -> TraceReceiver:
    """The receiver of the settings; SettingsError says what to install where the library is missing."""
    try:
        from collector.traces.otlp import OtlpReceiver  # noqa: PLC0415 - optional, and half a second to import
    except ImportError as error:
        raise SettingsError(
            f"traces.endpoint: needs {LIBRARY}, {error}; install requirements.lock, or {LIBRARY} and opentelemetry-sdk"
        ) from None
    return OtlpReceiver(settings)
