"""Images and labels, in memory or streamed: where they come from, how they are cut, scaled and batched."""

from bnjax.data.batches import epoch_order, eval_batches, steps_per_epoch, train_batches
from bnjax.data.image_set import DataError, Dataset, Images, ImageSet, in_memory
from bnjax.data.load import load_dataset
from bnjax.data.scaling import InputScaling, input_scaling

__all__ = [
    "DataError",
    "Dataset",
    "ImageSet",
    "Images",
    "InputScaling",
    "epoch_order",
    "eval_batches",
    "in_memory",
    "input_scaling",
    "load_dataset",
    "steps_per_epoch",
    "train_batches",
]
