"""
Runs a kubeconfig's exec plugin, such as `aws eks get-token`, with bounds on its time and its output.

The kubernetes package is not used for this: it waits without limit, and continues anonymously after a plugin's failure. No
shell, no terminal, no inherited descriptors. A plugin's output is never in an error, since it contains credentials.
"""

import asyncio
import base64
import contextlib
import json
import os
import re
import shutil
import signal
from typing import Any

import msgspec

from collector.core.model import Instant
from collector.core.objects.kubernetes import parse_time
from collector.kube.address import AddressError, ClusterAddress, Unshown

PERMITTED_VARIABLES = re.compile(
    "AWS_(PROFILE|REGION|DEFAULT_REGION|ROLE_ARN|ROLE_SESSION_NAME|WEB_IDENTITY_TOKEN_FILE|STS_REGIONAL_ENDPOINTS|"
    "ACCESS_KEY_ID|SECRET_ACCESS_KEY|SESSION_TOKEN)|AZURE_(CLIENT|TENANT|SUBSCRIPTION|FEDERATED|AUTHORITY)[A-Z_]*|AAD_[A-Z_]+|"
    "ALIBABA_CLOUD_[A-Z_]+|GOOGLE_APPLICATION_CREDENTIALS|USE_GKE_GCLOUD_AUTH_PLUGIN|(HTTPS?|NO)_PROXY"
)
"""Variables that a cluster secret may set: files of settings, for one, may name further commands."""
CHOOSING_VARIABLES = re.compile(
    "PATH|LD_.*|DYLD_.*|GCONV_PATH|PYTHON.*|PERL.*|RUBY.*|NODE_.*|JAVA_.*|.*_JAVA_OPTIONS|BASH_.*|ENV|SHELLOPTS|IFS|BROWSER|.*PAGER",
    re.IGNORECASE,
)
"""Variables that choose which code runs under a permitted command's name; a kubeconfig must not set them either."""

PATIENCE_S = 15.0
LARGEST_OUTPUT = 256 * 2**10


class Variable(Unshown):
    name: str
    value: str


class ExecSpec(Unshown):
    """The entry `exec` of a kubeconfig user."""

    command: str
    apiVersion: str
    args: list[str] | None = None
    env: list[Variable] | None = None
    provideClusterInfo: bool = False
    installHint: str | None = None


class PluginStatus(Unshown):
    token: str = ""
    clientCertificateData: str = ""
    clientKeyData: str = ""
    expirationTimestamp: str | None = None


class ExecCredential(msgspec.Struct):
    """The output of a plugin."""

    apiVersion: str
    kind: str
    status: PluginStatus


class Credential(msgspec.Struct, frozen=True):
    """Credentials from a plugin, certificate and key as PEM text, and their expiry."""

    token: str
    certificate: str
    key: str
    expires_at: Instant | None

    def user(self) -> dict[str, str]:
        """The same as a kubeconfig's user entry."""
        pem = {"client-certificate-data": self.certificate, "client-key-data": self.key}
        data = {key: base64.b64encode(text.encode()).decode() for key, text in pem.items() if text}
        return data | ({"token": self.token} if self.token else {})

    def __repr__(self) -> str:
        """Hides the credentials: none may reach a log, not even by accident."""
        return f"Credential(expires_at={self.expires_at})"


async def credential(
    address: ClusterAddress, entry: Any, cluster: dict[str, Any], patience_s: float = PATIENCE_S
) -> Credential:
    """Runs the plugin of a kubeconfig user and reads its output."""
    try:
        spec = msgspec.convert(entry, ExecSpec)
    except msgspec.ValidationError as error:
        raise AddressError(address, f"its exec entry is malformed: {error}", "correct the entry") from None
    if refused := refusal(address, spec):
        raise AddressError(address, *refused)
    process = await _start(address, spec, cluster)
    try:
        async with asyncio.timeout(patience_s):
            output = await _output(process)
            code = await process.wait()
    except TimeoutError:
        problem = f"the exec plugin {spec.command!r} did not end within {patience_s:g} s"
        raise AddressError(address, problem, "run it by hand: it must not ask for input") from None
    finally:
        await _end(process)
    if code:
        problem = f"the exec plugin {spec.command!r} ended with exit code {code}"
        raise AddressError(address, problem, "run it by hand as the collector's user to see why")
    return _read(address, spec.command, spec.apiVersion, output)


def refusal(address: ClusterAddress, spec: ExecSpec) -> tuple[str, str] | None:
    """The problem with running a plugin, and its remedy; None if it may run."""
    arguments = _without_options(spec.args or [])
    for entry in address.exec_plugins:
        command, *words = entry.split()
        if _is_command(spec.command, command) and arguments[: len(words)] == words:
            break
    else:
        remedy = "if it may run, add it to `exec_plugins` in the settings, with the first words of its arguments"
        return f"the exec plugin {spec.command!r} is not permitted", remedy
    for name in (variable.name for variable in spec.env or ()):
        may_set = (
            PERMITTED_VARIABLES.fullmatch(name) if address.argocd_secret else not CHOOSING_VARIABLES.fullmatch(name)
        )
        if not may_set:
            remedy = "set it in the collector's own environment instead"
            return f"it must not set the variable {name[:80]!r} of its exec plugin", remedy
    return None


def _is_command(command: str, permitted: str) -> bool:
    """Whether a command is the permitted one: the same text, or the file that PATH has for the permitted name."""
    return command == permitted or (
        os.sep not in permitted and os.sep in command and command == shutil.which(permitted)
    )


def _without_options(arguments: list[str]) -> list[str]:
    """Arguments from the first one that is neither an option nor its value: clouds write `--region x eks get-token`."""
    rest = list(arguments)
    while rest and rest[0].startswith("-"):
        del rest[: 1 if "=" in rest[0] else 2]
    return rest


async def _start(address: ClusterAddress, spec: ExecSpec, cluster: dict[str, Any]) -> asyncio.subprocess.Process:
    try:
        return await asyncio.create_subprocess_exec(
            spec.command,
            *(spec.args or ()),
            env=_environment(spec, cluster),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else type(error).__name__
        remedy = "install it where the collector runs" + (f": {spec.installHint}" if spec.installHint else "")
        raise AddressError(address, f"the exec plugin {spec.command!r} cannot be started: {why}", remedy) from None


def _environment(spec: ExecSpec, cluster: dict[str, Any]) -> dict[str, str]:
    """The collector's own environment, where plugins find profiles and proxies, and the variables of the kubeconfig."""
    info: dict[str, Any] = {"interactive": False}
    if spec.provideClusterInfo:
        info["cluster"] = {k: cluster[k] for k in ("server", "certificate-authority-data") if k in cluster}
    exec_info = {"apiVersion": spec.apiVersion, "kind": "ExecCredential", "spec": info}
    added = {variable.name: variable.value for variable in spec.env or ()}
    return os.environ | added | {"KUBERNETES_EXEC_INFO": json.dumps(exec_info)}


async def _output(process: asyncio.subprocess.Process) -> bytes:
    """Reads the plugin's output up to the limit; kills the plugin when it exceeds the limit."""
    assert process.stdout is not None  # noqa: S101  # we asked for the pipe
    pieces: list[bytes] = []
    size = 0
    while size <= LARGEST_OUTPUT and (piece := await process.stdout.read(65536)):
        pieces.append(piece)
        size += len(piece)
    if size > LARGEST_OUTPUT:
        os.killpg(process.pid, signal.SIGKILL)
    return b"".join(pieces)


async def _end(process: asyncio.subprocess.Process) -> None:
    """Ends the process and its children."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()


def _read(address: ClusterAddress, command: str, version: str, output: bytes) -> Credential:
    remedy = "it must print an ExecCredential of the version that the kubeconfig asks for"
    try:
        printed = msgspec.json.decode(output, type=ExecCredential)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise AddressError(address, f"the output of the exec plugin {command!r} cannot be read", remedy) from None
    if printed.kind != "ExecCredential" or printed.apiVersion != version:
        raise AddressError(address, f"the exec plugin {command!r} printed another version than {version}", remedy)
    status = printed.status
    if not status.token and not (status.clientCertificateData and status.clientKeyData):
        problem = f"the exec plugin {command!r} printed neither a token nor a certificate with its key"
        raise AddressError(address, problem, remedy)
    return Credential(
        status.token, status.clientCertificateData, status.clientKeyData, parse_time(status.expirationTimestamp)
    )
