"""Some of a set's classes: which images are theirs, and how they are called."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from bnjax.data.image_set import DataError, Dataset, Images, ImageSet
from bnjax.settings.fields import ConfigError

_NAMED = 20  # classes that a message names


def with_classes(dataset: Dataset, chosen: Sequence[str], names: Sequence[str]) -> Dataset:
    """The images of some classes alone, which are numbered anew in the set's own order.

    Args:
      chosen: names, or numbers from 0 in the set's own order; a name counts where it is both.
      names: of all classes.

    Raises:
      ConfigError: one is unknown, or there are fewer than two; the former names what there is.
      DataError: the images are not in memory, or a split has none of these classes.
    """
    called = dataset.facts["name"]
    labels = sorted({_label(text, names, called) for text in chosen})
    if len(labels) < 2:
        same = f"{' and '.join(chosen)} are one class, {names[labels[0]]}"
        raise ConfigError(f"{called}: {same}; two are needed")
    train, test = (_part(part, labels, called) for part in (dataset.train, dataset.test))
    held_out = dataset.validation
    validation = None if held_out is None else _part(held_out, labels, called)
    facts = {**dataset.facts, "class_names": [names[label] for label in labels]}
    return Dataset(train, test, len(labels), facts, validation).check(called)


def _label(text: str, names: Sequence[str], called: str) -> int:
    if text in names:
        return names.index(text)
    if text.isdecimal() and int(text) < len(names):
        return int(text)
    more = ", ..." if len(names) > _NAMED else ""
    raise ConfigError(
        f"{called} has no class {text!r}; it has {', '.join(names[:_NAMED])}{more}, or by number 0 to "
        f"{len(names) - 1}"
    )


def _part(part: Images, labels: Sequence[int], called: str) -> Images:
    if not isinstance(part, ImageSet):
        raise DataError(f"{called}: classes are chosen of images in memory; --stream=never puts them there")
    kept = part[np.isin(part.labels, labels)]
    return dataclasses.replace(kept, labels=np.searchsorted(labels, kept.labels).astype(np.int32))
