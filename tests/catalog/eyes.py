"""
How different two colours look: to a usual eye, and to eyes that lack one kind of cone.

The matrices are those of Machado, Oliveira and Fernandes (2009), "A Physiologically-based Model for Simulation of Color Vision
Deficiency", severity 1.0, for linear RGB; about 1 man in 12 sees in one of these ways. The distance is that of OKLab
(Ottosson 2020) times 100: 2 just differ side by side, about 8 differ at a glance. A library for these few lines would have
to be pinned with all that it brings.
"""

from collections.abc import Sequence

Row = tuple[float, float, float]

EYES: dict[str, tuple[Row, Row, Row]] = {
    "usual": ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)),
    "no red cones": (
        (0.152286, 1.052583, -0.204868),
        (0.114503, 0.786281, 0.099216),
        (-0.003882, -0.048116, 1.051998),
    ),
    "no green cones": (
        (0.367322, 0.860646, -0.227968),
        (0.280085, 0.672501, 0.047413),
        (-0.011820, 0.042940, 0.968881),
    ),
    "no blue cones": (
        (1.255528, -0.076749, -0.178779),
        (-0.078411, 0.930809, 0.147602),
        (0.004733, 0.691367, 0.303900),
    ),
}
CONES: tuple[Row, Row, Row] = (
    (0.4122214708, 0.5363325363, 0.0514459929),
    (0.2119034982, 0.6806995451, 0.1073969566),
    (0.0883024619, 0.2817188376, 0.6299787005),
)
OKLAB: tuple[Row, Row, Row] = (
    (0.2104542553, 0.7936177850, -0.0040720468),
    (1.9779984951, -2.4285922050, 0.4505937099),
    (0.0259040371, 0.7827717662, -0.8086757660),
)


def linear(colour: str) -> list[float]:
    """Red, green and blue of `#rrggbb`, proportional to light."""
    shares = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    return [share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares]


def apart(one: str, other: str) -> float:
    """The distance of two colours to the eye to which they look most alike."""
    return min(_distance(_to(one, eye), _to(other, eye)) for eye in EYES)


def _to(colour: str, eye: str) -> list[float]:
    light = [min(1.0, max(0.0, channel)) for channel in _times(EYES[eye], linear(colour))]
    return _times(OKLAB, [cone ** (1 / 3) for cone in _times(CONES, light)])


def _times(matrix: Sequence[Row], vector: Sequence[float]) -> list[float]:
    return [sum(factor * part for factor, part in zip(row, vector, strict=True)) for row in matrix]


def _distance(one: Sequence[float], other: Sequence[float]) -> float:
    return float(100 * sum((a - b) ** 2 for a, b in zip(one, other, strict=True)) ** 0.5)
