"""The networks in PyTorch, eager or compiled, with images channels first or channels last in memory."""

import itertools

import numpy as np
import torch
from torch import nn

from speed_peers.networks import (
    CLASSES,
    LEARNING_RATE,
    NORM_EPSILON,
    NORM_MOMENTUM,
    Architecture,
    Layer,
    Task,
    synthetic_batches,
)


def configure(threads: int) -> None:
    """As many threads as there are cores to use."""
    torch.set_num_threads(threads)


def torch_network(architecture: Architecture, layout: torch.memory_format) -> nn.Module:
    """An architecture in PyTorch's own layers: [batch, channels, height, width] -> logits."""
    height, width, channels = architecture.image_shape
    modules: list[nn.Module] = []
    for layer in architecture.layers:
        if layer.kind == "pool":
            modules.append(nn.MaxPool2d(2))
            height, width = height // 2, width // 2
        elif layer.kind == "flatten":
            modules.append(nn.Flatten())
            channels = height * width * channels
        elif layer.kind == "mean":
            modules += [nn.AdaptiveAvgPool2d(1), nn.Flatten()]
        else:
            modules += _unit(layer, channels, architecture.order)
            channels = layer.features
    network = nn.Sequential(*modules, nn.Linear(channels, CLASSES))
    return nn.utils.convert_conv2d_weight_memory_format(network, layout)


def _unit(layer: Layer, channels: int, order: str) -> list[nn.Module]:
    momentum = 1 - NORM_MOMENTUM  # PyTorch's is what the new batch weighs
    linear: nn.Module
    norm: nn.Module
    if layer.kind == "conv":
        padding = layer.kernel_size // 2
        linear = nn.Conv2d(channels, layer.features, layer.kernel_size, padding=padding)
        norm = nn.BatchNorm2d(layer.features, eps=NORM_EPSILON, momentum=momentum)
    else:
        linear = nn.Linear(channels, layer.features)
        norm = nn.BatchNorm1d(layer.features, eps=NORM_EPSILON, momentum=momentum)
    return [linear, norm, nn.ReLU()] if order == "before" else [linear, nn.ReLU(), norm]


class Trainer:
    """A training loop with PyTorch's fused Adam, its fastest."""

    def __init__(self, task: Task) -> None:
        torch.manual_seed(0)
        layout = torch.channels_last if task.channels_last else torch.contiguous_format
        self.model = torch_network(task.architecture, layout)
        self.parameters = sum(parameter.numel() for parameter in self.model.parameters())
        self._optimizer = torch.optim.Adam(self.model.parameters(), lr=LEARNING_RATE, fused=True)
        self._loss = torch.compile(self._mean_loss) if task.compiled else self._mean_loss
        batches = [self._tensors(images, labels, layout) for images, labels in synthetic_batches(task)]
        self._batches = itertools.cycle(batches)

    @staticmethod
    def _tensors(
        images: np.ndarray, labels: np.ndarray, layout: torch.memory_format
    ) -> tuple[torch.Tensor, torch.Tensor]:
        channels_first = torch.from_numpy(images.astype(np.float32)).permute(0, 3, 1, 2)
        return channels_first.contiguous(memory_format=layout), torch.from_numpy(labels.astype(np.int64))

    def _mean_loss(self, images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        return nn.functional.cross_entropy(self.model(images), labels)

    def train(self, steps: int) -> float:
        """Takes steps and returns the mean loss of the last one."""
        for _ in range(steps):
            loss = self._loss(*next(self._batches))
            self._optimizer.zero_grad()
            loss.backward()
            self._optimizer.step()
        return loss.item()
