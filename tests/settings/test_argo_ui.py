"""The address of Argo's UI becomes a link on pages that others read: only a plain https address does."""

import pytest

from collector.core.live_view import ClusterInfo
from collector.settings.derived import info_of
from collector.settings.load import parse_settings
from collector.settings.model import ClusterSettings, SettingsError


@pytest.mark.parametrize(
    "url",
    ["", "https://argo.example.com", "https://argo.example.com/base/", "http://127.0.0.1:2746", "https://[::1]:1"],
)
def test_an_address_is_https_or_of_this_machine(url: str) -> None:
    """Paths are kept: Argo's UI may be served under one."""
    read = parse_settings(f"clusters: [{{name: a, argo_ui: '{url}'}}]".encode(), "f")

    assert read.clusters[0].argo_ui == url


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("argo.example.com", "invalid address 'argo.example.com', expected a URL like https://"),
        ("javascript:alert(1)", "invalid address"),
        ("http://argo.example.com", "http is for this machine only"),
        ("https://", "invalid address"),
        ("https://argo:0", "invalid address"),
        ("https://argo:99999", "invalid address"),
        ("https://[argo", "invalid address"),
        ("https://argo?a=b", "invalid address"),
        ("https://argo/#x", "invalid address"),
        ("https://argo/<script>", "invalid address"),
        ("https://me:secret@argo", "contains a user"),
    ],
)
def test_what_is_no_address_of_a_page_is_refused(url: str, problem: str) -> None:
    """The error names the key; a password is not repeated."""
    with pytest.raises(SettingsError, match=r"f: clusters\[0\].argo_ui: ") as error:
        parse_settings(f"clusters: [{{name: a, argo_ui: '{url}'}}]".encode(), "f")

    assert problem in str(error.value)
    assert "secret" not in str(error.value)


def test_a_link_is_joined_without_a_double_slash() -> None:
    """The address has no slash at its end, whatever the settings say."""
    cluster = ClusterSettings(name="a", argo_ui="https://argo/base/", region="cn-hangzhou", product="alibaba-eci")

    assert info_of("a", cluster) == ClusterInfo("a", "https://argo/base", "cn-hangzhou", "alibaba-eci")
