"""PyTorch's DataLoader over image files, as it is usually written: Pillow decodes, scales and cuts."""

import random
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from PIL import Image, ImageOps
from torch.utils.data import DataLoader, Dataset


class _Files(Dataset):
    def __init__(self, files: Sequence[str], side: int, cropped: bool) -> None:
        self._files, self._side, self._cropped = files, side, cropped

    def __len__(self) -> int:
        return len(self._files)

    def __getitem__(self, position: int) -> torch.Tensor:
        with Image.open(self._files[position]) as image:
            upright = ImageOps.exif_transpose(image).convert("RGB")
        size = (self._side, self._side)
        if self._cropped:
            taken = round(min(upright.size) * 7 / 8)
            left, top = (random.randint(0, side - taken) for side in upright.size)
            box = (left, top, left + taken, top + taken)
            square = upright.resize(size, Image.Resampling.LANCZOS, box)
            square = ImageOps.mirror(square) if random.random() < 0.5 else square
        else:
            square = ImageOps.fit(upright, size, Image.Resampling.LANCZOS)
        return torch.from_numpy(np.array(square))


def batches(
    files: Sequence[str], side: int, batch_size: int, workers: int, cropped: bool
) -> Iterator[np.ndarray]:
    """Batches uint8 [size, side, side, 3] of shuffled files, epoch after epoch."""
    loader = DataLoader(
        _Files(files, side, cropped),
        batch_size,
        shuffle=True,
        num_workers=workers,
        drop_last=True,
        persistent_workers=workers > 0,
    )
    while True:
        for batch in loader:
            yield batch.numpy()
