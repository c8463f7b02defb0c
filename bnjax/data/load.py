"""From a config to a data set: which source, which split."""

import dataclasses
import difflib
import os
from pathlib import Path

import numpy as np

from bnjax.data.classes import with_classes
from bnjax.data.image_set import DataError, Dataset, Images, ImageSet
from bnjax.data.repeated import repeated_images
from bnjax.data.sources import SOURCES, original, prepared
from bnjax.data.sources.folder import load_folder
from bnjax.data.sources.folder_layout import find_layout
from bnjax.data.stream import ReadingOptions
from bnjax.data.telling import tell
from bnjax.files import home
from bnjax.settings.canonical import FOLDER
from bnjax.settings.config import Config
from bnjax.settings.places import expanded


def load_dataset(
    config: Config, input_shape: tuple[int, int, int], smallest: int = 1, multiple: int = 1
) -> Dataset:
    """The set that a config names, with its validation images held out and its facts complete.

    Args:
      config: its group ``data`` counts, but for the scale and the order of images.
      input_shape: what ``digits`` is enlarged to: height, width, channels. Other sets keep their size.
      smallest: the fewest pixels that the network accepts on a side.
      multiple: what they have to be a multiple of.

    Raises:
      DataError: the set is absent, damaged, or does not fit; one line that says what to do.
      ConfigError: it has no such classes; names those that there are.
    """
    dataset = _from_source(config, input_shape)
    if config.classes:
        dataset = with_classes(dataset, config.classes.split(","), _class_names(config, dataset))
    height, width, channels = dataset.train.image_shape
    if min(height, width) < smallest:
        raise DataError(
            f"{config.dataset}: images of {height}x{width} are too small for {config.model}, which needs "
            f"{smallest}x{smallest} or more"
        )
    if height % multiple or width % multiple:
        raise DataError(
            f"{config.dataset}: {config.model} cuts images into patches of {multiple}x{multiple}, which do "
            f"not divide {height}x{width}"
        )
    dataset = _hold_out(dataset, config.validation)
    dataset = dataclasses.replace(
        dataset,
        train=_thinned(dataset.train, config.train_images, f"--train_images={config.train_images}"),
        test=_thinned(dataset.test, config.test_images, f"--test_images={config.test_images}"),
    )
    repeated = _repeated(dataset)
    facts = {
        **dataset.facts,
        **repeated,
        "image_shape": [height, width, channels],
        "adaptation": dataset.facts.get("adaptation", "none"),
        "classes": dataset.num_classes,
        "train_images": len(dataset.train),
        "validation_images": len(dataset.validation) if dataset.validation else 0,
        "test_images": len(dataset.test),
    }
    return dataclasses.replace(dataset, facts=facts)


def fit_validation(config: Config) -> Config:
    """The same config, without held-out images where its folder brings images for validation.

    Raises:
      DataError: the folder is absent or of another form.
    """
    if not (config.validation and config.dataset.startswith(FOLDER)):
        return config  # sets of TFDS bring none: their validation split is for testing
    brings = "validation" in find_layout(_folder(config)).splits
    return dataclasses.replace(config, validation=0.0) if brings else config


def _folder(config: Config) -> Path:
    return expanded(config.dataset.removeprefix(FOLDER)).absolute()


def _repeated(dataset: Dataset) -> dict[str, int | None]:
    """Counts the images of each split that are trained on, too, and tells where there are some."""
    counts = {}
    for name, part in (("validation", dataset.validation), ("test", dataset.test)):
        if part is not None:
            count = counts[f"{name}_images_in_training"] = repeated_images(dataset.train, part)
            if count:
                tell(
                    f"{dataset.facts['name']}: {count} of {len(part)} {name} images are training images, too"
                )
    return counts


def _from_source(config: Config, input_shape: tuple[int, int, int]) -> Dataset:
    reading = ReadingOptions(config.stream, config.workers, config.augment)
    if config.dataset.startswith(FOLDER):
        return load_folder(_folder(config), config.image_size, config.bad_images, reading)
    if config.dataset in SOURCES:
        dataset = SOURCES[config.dataset].load(config, input_shape)
        if isinstance(dataset.train, ImageSet):
            _check_in_memory(config)
        return dataset
    data_dir = _data_dir(config)
    folder = prepared.find_prepared(config.dataset, data_dir)
    if folder:
        return prepared.load_prepared(folder, config.dataset, data_dir, config.image_size, reading)
    if config.dataset in original.NAMES and not config.data_dir:
        _check_in_memory(config)
        return original.load_original(config.dataset)
    raise DataError(_absent(config, data_dir))


def _data_dir(config: Config) -> Path:
    given = config.data_dir or os.environ.get("TFDS_DATA_DIR")
    return expanded(given) if given else home() / "tensorflow_datasets"


def _class_names(config: Config, dataset: Dataset) -> list[str]:
    """Their names in the order of their labels; numbers where they have none."""
    if "class_names" in dataset.facts:
        return dataset.facts["class_names"]
    if config.dataset not in SOURCES:
        folder = prepared.find_prepared(config.dataset, _data_dir(config))
        names = prepared.class_names(folder) if folder else original.CLASS_NAMES.get(config.dataset, [])
        if len(names) == dataset.num_classes:
            return names
    return [str(label) for label in range(dataset.num_classes)]


def _check_in_memory(config: Config) -> None:
    """Refuses what needs images that are stored one by one."""
    for flag, value, refused in (
        ("stream", config.stream, "always"),
        ("augment", config.augment, "crop_flip"),
    ):
        if value == refused:
            raise DataError(
                f"--{flag}={refused}: {config.dataset} is in memory; sets in folder:PATH or prepared by TFDS "
                "can be streamed"
            )


def _absent(config: Config, data_dir: Path) -> str:
    what = f"{config.dataset!r} is not prepared in {data_dir}"
    if not data_dir.is_dir():
        what = f"the data folder {data_dir} does not exist"
    if config.dataset in original.NAMES:
        download = f"leave out --data_dir to download {config.dataset}, "
        return f"{what}; name another --data_dir, {download}or use --dataset=digits, which needs neither"
    if close := difflib.get_close_matches(config.dataset, [*SOURCES, *original.NAMES], n=1):
        what = f"--dataset={config.dataset}: did you mean {close[0]}? Otherwise, {what}"
    hint = prepared.prepare_hint(config.dataset, data_dir)
    folder = config.dataset if Path(config.dataset).is_dir() else "PATH"
    others = f"use --dataset=digits or --dataset={FOLDER}{folder}"
    return f"{what}; name another --data_dir, {others}, or, if TFDS knows it, {hint}"


def _hold_out(dataset: Dataset, fraction: float) -> Dataset:
    """The last part of the training images becomes the validation set, the same one for every seed."""
    if not fraction:
        return dataset
    if dataset.validation is not None:
        raise DataError(
            f"--validation={fraction}: {dataset.facts['name']} has a validation set of its own, "
            f"{dataset.facts['validation_split']}; leave --validation out"
        )
    held = round(len(dataset.train) * fraction)
    if not 0 < held < len(dataset.train):
        raise DataError(f"--validation={fraction} holds out {held} of {len(dataset.train)} training images")
    train, validation = dataset.train[:-held], dataset.train[-held:]
    return dataclasses.replace(dataset, train=train, validation=validation)


def _thinned(part: Images, count: int, flag: str) -> Images:
    """So many images at even distances, since those of a folder may stand class by class; 0: all."""
    if count > len(part):
        raise DataError(f"{flag}: there are {len(part)}")
    return part[np.arange(count) * len(part) // count] if count else part
