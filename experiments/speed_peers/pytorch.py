"""The networks in PyTorch, eager or compiled, with images channels first or channels last in memory."""

import itertools
from functools import cached_property

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from speed_peers.images import epoch_set, synthetic_batches
from speed_peers.layers import Branches, Chain, Layer, Shortcut
from speed_peers.networks import (
    CLASSES,
    LEARNING_RATE,
    NORM_EPSILON,
    NORM_MOMENTUM,
    Architecture,
    Task,
)


def configure(threads: int) -> None:
    """As many threads as there are cores to use."""
    torch.set_num_threads(threads)


def torch_network(task: Task) -> nn.Module:
    """A task's network in PyTorch's own layers: [batch, channels, height, width] -> logits."""
    architecture = task.architecture
    network = nn.Sequential(_chain(architecture.chain, architecture), nn.LazyLinear(CLASSES))
    height, width, channels = task.image_shape
    with torch.no_grad():
        network.eval()(torch.zeros(1, channels, height, width))  # lazy layers find out what goes in
    return nn.utils.convert_conv2d_weight_memory_format(network.train(), memory_format(task))


def memory_format(task: Task) -> torch.memory_format:
    """How images and kernels lie in memory."""
    return torch.channels_last if task.channels_last else torch.contiguous_format


class _Shortcut(nn.Module):
    def __init__(self, chain: nn.Module) -> None:
        super().__init__()
        self.chain = chain

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.chain(x)


class _Branches(nn.ModuleList):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([chain(x) for chain in self], dim=1)


def _chain(chain: Chain, architecture: Architecture) -> nn.Module:
    modules: list[nn.Module] = []
    for layer in chain:
        if isinstance(layer, Shortcut):
            modules.append(_Shortcut(_chain(layer.chain, architecture)))
        elif isinstance(layer, Branches):
            modules.append(_Branches(_chain(branch, architecture) for branch in layer.chains))
        else:
            modules += _layers(layer, architecture)
    return nn.Sequential(*modules)


def _layers(layer: Layer, architecture: Architecture) -> list[nn.Module]:
    padding = _padding(layer)
    if layer.kind == "max_pool":
        return [nn.MaxPool2d(layer.window, layer.stride, padding)]
    if layer.kind == "average_pool":
        return [nn.AvgPool2d(layer.window, layer.stride, padding, count_include_pad=False)]
    if layer.kind == "flatten":
        return [nn.Flatten()]
    if layer.kind == "mean":
        return [nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    linear = _linear(layer, architecture)
    norms = [_norm(layer, architecture)] if layer.norm else []
    if layer.linear:
        return [linear, *norms]
    # In place, as torchvision has it: less memory, and faster.
    activation = nn.ReLU6(inplace=True) if architecture.activation == "relu6" else nn.ReLU(inplace=True)
    behind = [*norms, activation] if architecture.order == "before" else [activation, *norms]
    return [linear, *behind]


def _padding(layer: Layer) -> tuple[int, int]:
    """As many zeros on either side, as PyTorch's users write it.

    With stride 2 and even sides the others' ``same`` has them at the end alone: the same network for images
    and kernels in a mirror.
    """
    rows, columns = layer.window
    return (rows // 2, columns // 2) if layer.padding == "same" else (0, 0)


def _linear(layer: Layer, architecture: Architecture) -> nn.Module:
    if layer.kind == "dense":
        return nn.LazyLinear(layer.features)
    return nn.LazyConv2d(
        layer.features,
        layer.window,
        layer.stride,
        _padding(layer),
        groups=layer.features if layer.kind == "depthwise" else 1,
        bias=architecture.conv_bias,
    )


def _norm(layer: Layer, architecture: Architecture) -> nn.Module:
    kind = nn.BatchNorm1d if layer.kind == "dense" else nn.BatchNorm2d
    # PyTorch's momentum is what the new batch weighs.
    norm = kind(layer.features, eps=NORM_EPSILON, momentum=1 - NORM_MOMENTUM)
    if not architecture.norm_scale:
        norm.register_parameter("weight", None)
    return norm


class Trainer:
    """A training loop with PyTorch's fused Adam, its fastest; bfloat16 is autocast's."""

    def __init__(self, task: Task) -> None:
        torch.manual_seed(0)
        self.model = torch_network(task)
        self.parameters = sum(parameter.numel() for parameter in self.model.parameters())
        self._task = task
        self._autocast = torch.autocast("cpu", torch.bfloat16, enabled=task.precision == "bfloat16")
        self._optimizer = torch.optim.Adam(self.model.parameters(), lr=LEARNING_RATE, fused=True)
        self._loss = torch.compile(self._mean_loss) if task.compiled else self._mean_loss
        batches = [
            self._tensors(images, labels, memory_format(task)) for images, labels in synthetic_batches(task)
        ]
        self._batches = itertools.cycle(batches)

    @staticmethod
    def _tensors(
        images: np.ndarray, labels: np.ndarray, layout: torch.memory_format
    ) -> tuple[torch.Tensor, torch.Tensor]:
        channels_first = torch.from_numpy(images.astype(np.float32)).permute(0, 3, 1, 2)
        return channels_first.contiguous(memory_format=layout), torch.from_numpy(labels.astype(np.int64))

    def _mean_loss(self, images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        with self._autocast:
            return nn.functional.cross_entropy(self.model(images), labels)

    def train(self, steps: int) -> float:
        """Takes steps and returns the mean loss of the last one."""
        for _ in range(steps):
            loss = self._step(*next(self._batches))
        return loss.item()

    def _step(self, images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        loss = self._loss(images, labels)
        self._optimizer.zero_grad()
        loss.backward()
        self._optimizer.step()
        return loss

    @cached_property
    def _loader(self) -> DataLoader:
        images, labels = epoch_set(self._task)
        channels_first = torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2)))
        examples = TensorDataset(channels_first, torch.from_numpy(labels.astype(np.int64)))
        return DataLoader(examples, self._task.batch_size, shuffle=True)

    def train_epochs(self, count: int) -> float:
        """Trains on what a DataLoader gives of bytes in memory, made float32 batch by batch."""
        layout = memory_format(self._task)
        for _ in range(count):
            for images, labels in self._loader:
                loss = self._step(images.to(torch.float32, memory_format=layout), labels)
        return loss.item()

    def evaluate(self, steps: int) -> float:
        """Evaluates so many batches and returns the mean loss of the last one."""
        self.model.eval()
        with torch.inference_mode():
            for _ in range(steps):
                loss = self._loss(*next(self._batches))
        self.model.train()
        return loss.item()
