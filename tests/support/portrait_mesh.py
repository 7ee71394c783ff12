"""The portrait's surface: a triangle mesh over face, hair and background, and how it deforms.

Points are `[x, y, z]` in pixels of the output picture, z growing away from the viewer (as in
MediaPipe's landmarks). The landmarks carry the face, rings around it hair, ears and neck, and the
picture's border stays where it is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import RBFInterpolator
from scipy.spatial import Delaunay

from kyc_rtc.vision.geometry import FACE_OVAL, Floats

_FACE_POINTS = 468  # landmarks 468 to 477 are the irises, which ride on the triangles of the eye
_EDGE_SCALES = (0.92, 0.96, 1.0)  # of the outline's distance from the face's centre
_RING_SCALES = (1.07, 1.14, 1.22, 1.36, 1.52, 1.7, 1.9, 2.15, 2.45)
_RING_POINTS = 2 * len(FACE_OVAL)

# Landmark numbers of MediaPipe's face mesh, from the person's own right to the left.
# Each eye from the outer to the inner corner: the lower lid's margin, the upper one's, its fold.
EYES = (
    (
        (33, 7, 163, 144, 145, 153, 154, 155, 133),
        (33, 246, 161, 160, 159, 158, 157, 173, 133),
        (130, 247, 30, 29, 27, 28, 56, 190, 243),
    ),
    (
        (263, 249, 390, 373, 374, 380, 381, 382, 362),
        (263, 466, 388, 387, 386, 385, 384, 398, 362),
        (359, 467, 260, 259, 257, 258, 286, 414, 463),
    ),
)
_UPPER_OUTER = (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291)
_UPPER_INNER = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308)
_LOWER_INNER = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308)
_LOWER_OUTER = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291)
_CHIN = (152, 148, 377, 175, 199)
# Points that lip motion leaves alone: nose, lower lids, temples.
_STILL = (1, 2, 4, 5, 98, 327, 129, 358, 23, 253, 111, 340, 34, 264)


@dataclass(frozen=True, slots=True)
class Mesh:
    """Rest positions and, per channel, the displacement in the picture at full strength.

    `points_xyz` is (n, 3); `triangles` (m, 3) holds indices into it; `turn_weight` (n,) says how
    much of the head's rotation about `pivot_xyz` (3,) a point follows (1 face and hair, 0
    background). `relax_xy`, `open_xy` and `blink_xy` are (n, 2) pixels: from the smile of the
    photograph to a neutral mouth, from there to a dropped jaw, and from open to closed eyes.
    """

    points_xyz: Floats
    triangles: NDArray[np.intp]
    turn_weight: Floats
    relax_xy: Floats
    open_xy: Floats
    blink_xy: Floats
    pivot_xyz: Floats
    face_width_px: float


def build_mesh(landmarks_xyz: Floats, size: tuple[int, int]) -> Mesh:
    """The mesh for a frontal, smiling face in a picture of `size` (width, height).

    `landmarks_xyz` are MediaPipe's, (468 or more, 3) pixels.
    """
    face = _flattened(landmarks_xyz[:_FACE_POINTS])
    relax_xy = _relaxed_mouth(face)
    fields = np.hstack([face, relax_xy, _dropped_jaw(face, relax_xy), _closed_eyes(face)])
    inner = fields[_reach(face) < _EDGE_SCALES[0] - 0.04]
    edge = _edge(face, fields)
    rings, ring_weights = _rings(edge[-_RING_POINTS:, :3])
    border = _border(size)
    outside = np.vstack([rings, border])
    still = np.zeros((len(outside), fields.shape[1] - 3))
    table = np.vstack([inner, edge, np.hstack([outside, still])])
    turning = len(inner) + len(edge)
    _carry_to_neck(table[:, 5:7], turning)
    return Mesh(
        points_xyz=table[:, :3],
        triangles=Delaunay(table[:, :2]).simplices.astype(np.intp),
        turn_weight=np.concatenate([np.ones(turning), ring_weights, np.zeros(len(border))]),
        relax_xy=table[:, 3:5],
        open_xy=table[:, 5:7],
        blink_xy=table[:, 7:9],
        pivot_xyz=_pivot(face),
        face_width_px=_width_px(face),
    )


def _width_px(face: Floats) -> float:
    return float(np.ptp(face[list(FACE_OVAL), 0]))


def _pivot(face: Floats) -> Floats:
    """The joint between skull and neck: below and behind the ears."""
    oval = face[list(FACE_OVAL)]
    low, high = oval.min(axis=0), oval.max(axis=0)
    behind = 0.2 * _width_px(face)
    return np.array([(low[0] + high[0]) / 2, 0.15 * low[1] + 0.85 * high[1], high[2] + behind])


def _centre(outline: Floats) -> Floats:
    return np.asarray((outline[:, :2].min(axis=0) + outline[:, :2].max(axis=0)) / 2)


def _smoothstep(values: Floats) -> Floats:
    clipped = np.clip(values, 0.0, 1.0)
    return clipped * clipped * (3 - 2 * clipped)


def _flattened(face: Floats) -> Floats:
    """The face with its sides less deep.

    The photograph shows next to nothing of them: at full depth a turned head would draw a few
    columns of pixels out into a wide smear between cheek and hair.
    """
    bend_z = face[:, 2].min() + 0.5 * np.ptp(face[:, 2])
    beyond = np.maximum(face[:, 2] - bend_z, 0.0)
    return np.column_stack([face[:, :2], face[:, 2] - 0.3 * beyond])


def _outline(face: Floats) -> Floats:
    """The face's outline with a point halfway between each two landmarks: (72, 3)."""
    oval = face[list(FACE_OVAL)]
    halfway = (oval + np.roll(oval, -1, axis=0)) / 2
    return np.stack([oval, halfway], axis=1).reshape(-1, 3)


def _reach(face: Floats) -> Floats:
    """How far each landmark lies from the face's centre: 0 there, 1 on the outline; (468,)."""
    outline = _outline(face)[:, :2]
    spokes, arms = outline - _centre(outline), face[:, :2] - _centre(outline)
    angles, lengths = np.arctan2(spokes[:, 1], spokes[:, 0]), np.hypot(*spokes.T)
    at_angle = np.interp(np.arctan2(arms[:, 1], arms[:, 0]), angles, lengths, period=2 * np.pi)
    return np.asarray(np.hypot(*arms.T) / at_angle)


def _edge(face: Floats, fields: Floats) -> Floats:
    """Rows of `fields` for even, smooth points near the outline, instead of the landmarks there.

    MediaPipe's depth is steep and uneven at the sides, which a turn would show as a sawtooth.
    """
    outline = _outline(face)[:, :2]
    centre = _centre(outline)
    xy = np.vstack([centre + scale * (outline - centre) for scale in _EDGE_SCALES])
    smoothing = 0.008 * _width_px(face) ** 2  # thin plates scale with the square of lengths
    smooth = RBFInterpolator(face[:, :2], fields[:, 2:], smoothing=smoothing)(xy)
    smooth[:, -2:] = 0.0  # the lids' motion stays at the eyes
    return np.hstack([xy, smooth])


def _rings(outline: Floats) -> tuple[Floats, Floats]:
    """Points around the face's outline out to where the background stands still, and weights.

    The portrait's hair reaches 1.7 times the outline's distance from the centre sideways and nearly
    2 times upwards; the collar sits close below the chin and does not turn.
    """
    centre = _centre(outline)
    height = float(np.ptp(outline[:, 1]))
    ears_z = float(outline[:, 2].max())
    rings, weights = [], []
    for scale in _RING_SCALES:
        xy = centre + (outline[:, :2] - centre) * scale
        depth = _smoothstep(np.array((scale - _RING_SCALES[0]) / 0.6))
        z = outline[:, 2] + depth * (ears_z - outline[:, 2])
        below = (xy[:, 1] - outline[:, 1].max()) / (0.35 * height)
        head_edge = 1.7 + 0.2 * np.clip((centre[1] - xy[:, 1]) / height, 0.0, 1.0)
        outside = (scale - head_edge) / 0.55
        weights.append((1 - _smoothstep(below)) * (1 - _smoothstep(outside)))
        rings.append(np.column_stack([xy, z]))
    return np.vstack(rings), np.concatenate(weights)


def _border(size: tuple[int, int]) -> Floats:
    """A frame of fixed points well outside the picture, (n, 3)."""
    width, height = size
    far = height / 8
    x, y = np.linspace(-far, width + far, 9), np.linspace(-far, height + far, 7)
    level = [(a, b, 0.0) for a in x for b in (y[0], y[-1])]
    upright = [(a, b, 0.0) for b in y[1:-1] for a in (x[0], x[-1])]
    return np.array(level + upright)


def _spread(face: Floats, moves: dict[int, Floats]) -> Floats:
    """A smooth displacement of the whole face through the given moves of single landmarks."""
    still = sorted({*FACE_OVAL, *_STILL} - moves.keys())
    known = [*moves, *still]
    shifts = np.array([*moves.values(), *np.zeros((len(still), 2))])
    return np.asarray(RBFInterpolator(face[known, :2], shifts)(face[:, :2]))


def _relaxed_mouth(face: Floats) -> Floats:
    """From the photograph's open smile to closed lips with level corners, (468, 2) pixels."""
    xy = face[:, :2]
    middle = (xy[13] + xy[14]) / 2
    along = (xy[291] - xy[61]) / np.linalg.norm(xy[291] - xy[61])
    down = np.array([-along[1], along[0]])
    gap = float((xy[14] - xy[13]) @ down)
    half_width = float((xy[291] - xy[61]) @ along) / 2
    moves: dict[int, Floats] = {}

    def place(index: int, below_line: float) -> None:
        x, y = (xy[index] - middle) @ along, below_line - 0.05 * gap
        droop = 0.38 * gap * min(1.0, (x / half_width) ** 2)
        moves[index] = middle + 0.77 * x * along + (y + droop) * down - xy[index]

    for columns in zip(_UPPER_OUTER, _UPPER_INNER, _LOWER_INNER, _LOWER_OUTER, strict=True):
        top, inner_top, inner_bottom, bottom = columns
        arch = 1 - min(1.0, abs((xy[inner_top] - middle) @ along) / half_width)
        place(top, -1.3 * float((xy[inner_top] - xy[top]) @ down))
        place(inner_top, 0.05 * gap * arch)
        place(inner_bottom, -0.05 * gap * arch)
        place(bottom, 1.2 * float((xy[bottom] - xy[inner_bottom]) @ down))
    return _spread(face, moves)


def _dropped_jaw(face: Floats, relax_xy: Floats) -> Floats:
    """From the neutral mouth to a wide open one, (468, 2) pixels."""
    neutral = face[:, :2] + relax_xy
    drop = 0.21 * float(np.ptp(face[list(FACE_OVAL), 1]))
    half_width = float(neutral[291, 0] - neutral[61, 0]) / 2
    middle_x = float(neutral[[61, 291], 0].mean())
    moves: dict[int, Floats] = {}
    for i in {*_UPPER_OUTER, *_UPPER_INNER, *_LOWER_INNER, *_LOWER_OUTER}:
        x = (neutral[i, 0] - middle_x) / half_width
        arch = np.sqrt(max(0.0, 1 - x * x))
        corner = 0.18 * (1 - arch)
        lift = 0.0 if i in {*_UPPER_OUTER, *_UPPER_INNER} else arch
        moves[i] = np.array([-0.15 * x * half_width, drop * (lift + corner)])
    for i in (*FACE_OVAL, *_CHIN):
        low = (face[i, 1] - face[234, 1]) / (face[152, 1] - face[234, 1])
        moves[i] = np.array([0.0, 0.75 * drop * float(_smoothstep(np.array(low)))])
    return _spread(face, moves)


def _closed_eyes(face: Floats) -> Floats:
    """Upper lids down over the lower ones, the skin above drawn after them, (468, 2) pixels.

    Past the lower margin: closed lashes hang there, and MediaPipe reads a tighter eye.
    """
    shift = np.zeros((_FACE_POINTS, 2))
    for lower, margin, fold in EYES:
        opening = face[list(lower), :2] - face[list(margin), :2]
        shift[list(margin)] = 1.4 * opening
        shift[list(lower)] = 0.3 * opening
        shift[list(fold)] = 0.5 * opening
    return shift


def _carry_to_neck(shift: Floats, first_ring: int) -> None:
    """Let the rings below the chin give way to a dropped jaw, less with every ring."""
    outline = shift[first_ring - _RING_POINTS : first_ring]
    for i, share in enumerate((0.8, 0.5, 0.2)):
        start = first_ring + i * _RING_POINTS
        shift[start : start + _RING_POINTS] = share * outline
