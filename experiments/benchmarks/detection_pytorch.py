"""A small detector's step and inference beside eager PyTorch, in one process.

FCOS on 128 x 128 pixels, eight pictures a step and one at a time: the detector of
`detection/scenes`, with the same layers, assignment, losses, clipping and optimiser,
written as one writes them in PyTorch, which is no dependency of the project; its
suppression is torchvision's.

On all cores: uv run --with torch==2.13.0 --with torchvision==0.28.0 python -m
experiments.benchmarks.detection_pytorch
"""

import importlib
import itertools
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from rich.console import Console
from rich.table import Table

from experiments.benchmarks.timing import alternating_ms
from genjax import nn
from genjax.detection import by_size, detection_objective, detector, fcos, fcos_outputs
from genjax.errors import InputError
from genjax.training import gradient_descent

WIDTH, CLASSES, SIDE, BATCH, MOST = 32, 10, 128, 8, 8
STRIDES, RANGE = (4, 8), 24.0
Call = Callable[[], Any]


def scenes() -> dict[str, np.ndarray]:
    """Pictures of noise, with boxes."""
    rng = np.random.default_rng(0)
    corner = rng.uniform(0, 80, (BATCH, MOST, 2))
    xyxy = np.concatenate([corner, corner + rng.uniform(8, 48, corner.shape)], axis=2)
    return {
        "image": rng.normal(size=(BATCH, SIDE, SIDE, 1)).astype(np.float32),
        "xyxy": xyxy.astype(np.float32),
        "label": rng.integers(0, CLASSES, (BATCH, MOST)),
        "valid": np.ones((BATCH, MOST), bool),
    }


def ours(batch: dict[str, np.ndarray]) -> tuple[Call, Call]:
    """A step, and detection in one picture."""
    tower = nn.DenseTower(outputs=fcos_outputs(CLASSES), width=WIDTH)
    matching = by_size(ranges=(RANGE,))
    parts = (
        nn.PyramidBackbone(widths=(WIDTH // 2, WIDTH, 2 * WIDTH), levels=2, stem=2),
        nn.FPN(features=WIDTH),
        fcos(tower, classes=CLASSES, strides=STRIDES, matching=matching),
    )
    arrays = {name: jnp.asarray(values) for name, values in batch.items()}
    optimizer = optax.chain(optax.clip_by_global_norm(10.0), optax.adamw(1e-3))
    update = gradient_descent(detection_objective(*parts), optimizer)
    state = jax.jit(update.init)(jax.random.key(0), arrays)
    step = jax.jit(update.step)
    detect, variables = jax.jit(detector(*parts)), state.variables
    image = arrays["image"][:1]
    return lambda: step(state, arrays), lambda: detect(variables, image)


def network_of(torch: Any) -> Any:
    """Backbone, pyramid and towers."""
    layers = torch.nn

    def norm(channels: int) -> Any:
        return layers.GroupNorm(max(1, min(32, channels // 4)), channels)

    class Block(layers.Module):
        def __init__(self, inputs: int, outputs: int, stride: int) -> None:
            super().__init__()
            self.inside = layers.Sequential(
                norm(inputs),
                layers.ReLU(),
                layers.Conv2d(inputs, outputs, 3, stride, 1),
                norm(outputs),
                layers.ReLU(),
                layers.Conv2d(outputs, outputs, 3, 1, 1),
            )
            same = inputs == outputs and stride == 1
            self.beside = (
                layers.Identity() if same else layers.Conv2d(inputs, outputs, 1, stride)
            )

        def forward(self, x: Any) -> Any:
            return self.beside(x) + self.inside(x)

    def tower() -> Any:
        return layers.Sequential(
            *itertools.chain.from_iterable(
                (layers.Conv2d(WIDTH, WIDTH, 3, 1, 1), norm(WIDTH), layers.ReLU())
                for _ in range(2)
            )
        )

    class Detector(layers.Module):
        def __init__(self) -> None:
            super().__init__()
            half = WIDTH // 2
            self.stem = layers.Conv2d(1, half, 5, 2, 2)
            self.stages = layers.ModuleList(
                [
                    Block(half, half, 1),
                    Block(half, WIDTH, 2),
                    Block(WIDTH, 2 * WIDTH, 2),
                ]
            )
            self.lateral = layers.ModuleList(
                [layers.Conv2d(n, WIDTH, 1) for n in (WIDTH, 2 * WIDTH)]
            )
            self.smooth = layers.ModuleList(
                [layers.Conv2d(WIDTH, WIDTH, 3, 1, 1) for _ in STRIDES]
            )
            self.classes, self.geometry = tower(), tower()
            self.logits = layers.Conv2d(WIDTH, CLASSES, 3, 1, 1)
            self.distance = layers.Conv2d(WIDTH, 4, 3, 1, 1)
            self.centerness = layers.Conv2d(WIDTH, 1, 3, 1, 1)
            layers.init.constant_(self.logits.bias, -math.log(99))

        def forward(self, x: Any) -> tuple[Any, Any, Any]:
            """Logits, distances in pixels and centerness of all places."""
            x, maps = self.stem(x), []
            for stage in self.stages:
                maps.append(x := stage(x))
            coarse = self.lateral[1](maps[2])
            enlarged = layers.functional.interpolate(coarse, scale_factor=2)
            fine = self.lateral[0](maps[1]) + enlarged
            rows: list[list[Any]] = [[], [], []]
            for level, smooth, stride in zip(
                (fine, coarse), self.smooth, STRIDES, strict=True
            ):
                features = smooth(level)
                of_classes, of_boxes = self.classes(features), self.geometry(features)
                log_distance = self.distance(of_boxes)
                outputs = (
                    self.logits(of_classes),
                    torch.exp(8 * torch.tanh(log_distance / 8)) * stride,
                    self.centerness(of_boxes),
                )
                for own, output in zip(rows, outputs, strict=True):
                    own.append(output.flatten(2).transpose(1, 2))
            logits, distance, centerness = (torch.cat(own, dim=1) for own in rows)
            return logits, distance, centerness[..., 0]

    return Detector()


def theirs(
    torch: Any, torchvision: Any, batch: dict[str, np.ndarray]
) -> tuple[Call, Call]:
    """A step, and detection in one picture."""
    network = network_of(torch)
    adam = torch.optim.AdamW(network.parameters(), lr=1e-3, weight_decay=1e-4)
    image = torch.tensor(batch["image"].transpose(0, 3, 1, 2).copy())
    xyxy, label = torch.tensor(batch["xyxy"]), torch.tensor(batch["label"])
    places, strides, limits = _places(torch)
    f = torch.nn.functional

    def assign() -> tuple[Any, Any]:
        low = places[None, :, None] - xyxy[:, None, :, :2]
        high = xyxy[:, None, :, 2:] - places[None, :, None]
        edges = torch.cat([low, high], dim=-1)
        centre = (xyxy[:, None, :, :2] + xyxy[:, None, :, 2:]) / 2
        offset = (places[None, :, None] - centre).abs().amax(dim=-1)
        reach = edges.amax(dim=-1)
        good = (edges.amin(dim=-1) > 0) & (offset < 1.5 * strides[None, :, None])
        good &= (reach > limits[0][None, :, None]) & (reach <= limits[1][None, :, None])
        area = (xyxy[..., 2:] - xyxy[..., :2]).prod(dim=-1)[:, None]
        cost, index = torch.where(good, area, math.inf).min(dim=2)
        return index, cost < math.inf

    def step() -> float:
        index, positive = assign()
        logits, distance, centerness = network(image)
        own = torch.gather(xyxy, 1, index[..., None].expand(-1, -1, 4))[positive]
        target = f.one_hot(torch.gather(label, 1, index), CLASSES).float()
        target = target * positive[..., None]
        focal = torchvision.ops.sigmoid_focal_loss(logits, target, reduction="sum")
        where = places.expand(BATCH, -1, 2)[positive]
        low, high = where - own[:, :2], own[:, 2:] - where
        ratio = torch.minimum(low, high) / torch.maximum(low, high)
        central = ratio.prod(dim=1).sqrt()
        reach = distance[positive]
        found = torch.cat([where - reach[:, :2], where + reach[:, 2:]], dim=1)
        giou = torchvision.ops.generalized_box_iou_loss(found, own)
        count = max(1, int(positive.sum()))
        loss = focal / count + (central * giou).sum() / central.sum().clamp(min=1)
        loss = (
            loss
            + f.binary_cross_entropy_with_logits(
                centerness[positive], central, reduction="sum"
            )
            / count
        )
        adam.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 10.0)
        adam.step()
        return float(loss.detach())

    def detect() -> Any:
        with torch.inference_mode():
            logits, distance, centerness = network(image[:1])
            score = (logits[0].sigmoid() * centerness[0].sigmoid()[:, None]).sqrt()
            best, index = score.flatten().topk(256)
            place, kind = index // CLASSES, index % CLASSES
            boxes = torch.cat(
                [
                    places[place] - distance[0, place, :2],
                    places[place] + distance[0, place, 2:],
                ],
                dim=1,
            ).clamp(0, SIDE)
            keep = best > 0.05
            boxes, best, kind = boxes[keep], best[keep], kind[keep]
            kept = torchvision.ops.batched_nms(boxes, best, kind, 0.5)[:100]
            return boxes[kept], best[kept], kind[kept]

    return step, detect


def _places(torch: Any) -> tuple[Any, Any, tuple[Any, Any]]:
    """All places, their strides, and the sizes that they are for."""
    points, strides, low, high = [], [], [], []
    for stride, edges in zip(STRIDES, ((0.0, RANGE), (RANGE, math.inf)), strict=True):
        steps = (torch.arange(SIDE // stride) + 0.5) * stride
        y, x = torch.meshgrid(steps, steps, indexing="ij")
        points.append(torch.stack([x, y], dim=-1).reshape(-1, 2))
        for rows, value in zip((strides, low, high), (stride, *edges), strict=True):
            rows.append(torch.full((len(points[-1]),), float(value)))
    return torch.cat(points), torch.cat(strides), (torch.cat(low), torch.cat(high))


def main() -> None:
    """Prints medians, taken in turn."""
    try:
        torch = importlib.import_module("torch")
        torchvision = importlib.import_module("torchvision")
    except ImportError as error:
        raise InputError(
            "PyTorch or torchvision is missing: uv run --with torch==2.13.0 --with "
            "torchvision==0.28.0 python -m experiments.benchmarks.detection_pytorch"
        ) from error
    batch = scenes()
    table = Table("", "genjax, ms", "PyTorch, ms", "genjax / PyTorch")
    pairs = zip(ours(batch), theirs(torch, torchvision, batch), strict=True)
    for name, calls in zip(("step", "inference"), pairs, strict=True):
        own, other = alternating_ms(*calls, runs=21)
        table.add_row(name, f"{own:.1f}", f"{other:.1f}", f"{own / other:.2f}")
    Console().print(table)


if __name__ == "__main__":
    main()
