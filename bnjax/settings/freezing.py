"""What of a network is trained, and what its norms do in the frozen part and in the trained one (no JAX)."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from bnjax.architectures import ARCHITECTURES
from bnjax.placement import Site
from bnjax.settings.fields import ConfigError

#: What a norm does in training; the table of :mod:`bnjax.nn.norms` says how.
NORM_MODES = ("train", "frozen", "inference", "keras2-train")
#: What is trained; all but the first and the third leave every kernel alone.
TRAINED = ("unfrozen", "norms", "two-weights", "statistics", "pooled-statistics")


@dataclass(frozen=True)
class Freezing:
    """The three choices that "frozen" mixes: statistics used, statistics updated, and affine trained.

    Attributes:
      kernels: sites whose unit is not trained, but for its norm.
      norms: sites whose norm belongs to the frozen part. Keras's order of layers can cut a unit in two.
      train_norms: whether scales and biases of the frozen part's norms are trained all the same.
      frozen_mode, mode: what norms of the frozen part do in training, and those of the rest: a mode of
        :class:`bnjax.nn.BatchNorm`.
      trained: ``unfrozen``: all that is not frozen; ``norms``: scales and biases of norms alone;
        ``two-weights``: two weights of each feature's kernel (:func:`bnjax.train.partition.limited`);
        ``statistics`` and ``pooled-statistics``: no parameter.
      pooling: whether norms that normalise by batches in training pool the statistics of all of them, in
        the place of what they do otherwise.
    """

    kernels: frozenset[str] = frozenset()
    norms: frozenset[str] = frozenset()
    train_norms: bool = False
    frozen_mode: str = "train"
    mode: str = "train"
    trained: str = "unfrozen"
    pooling: bool = False

    def __post_init__(self) -> None:
        choices = {"frozen_mode": NORM_MODES, "mode": NORM_MODES, "trained": TRAINED}
        for name, known in choices.items():
            if (value := getattr(self, name)) not in known:
                raise ValueError(f"Freezing: {name}={value!r} is not one of {', '.join(known)}")

    def norm_mode(self, site: str) -> str:
        """What the norm of a site does in training."""
        mode = self.frozen_mode if site in self.norms else self.mode
        pools = self.trained == "pooled-statistics" or (self.pooling and mode != "inference")
        return "pooled" if pools else mode

    def trains(self, site: str, of_norm: bool) -> bool:
        """Whether a parameter is trained.

        Args:
          site: where it stands; empty for the head and the logits.
          of_norm: whether it is a norm's scale or bias.
        """
        if self.trained == "two-weights":
            return not of_norm and bool(site)  # of these, kernels alone
        if self.trained != "unfrozen":
            return of_norm and self.trained == "norms"
        if of_norm:
            return self.train_norms or site not in self.norms
        return site not in self.kernels


class Cut:
    """The part of a network before a place: what ``--freeze_until`` names.

    Attributes:
      kernels, norms: the sites in it, see :class:`Freezing`.
      text: the shortest way to say it, so that equal cuts are equal settings.
      last_block: the last of the blocks from the first on that lie in it whole; empty where none does.

    Raises:
      ConfigError: the network has no such place; says which ones it has.
    """

    def __init__(self, text: str, model: str, sites: Sequence[Site]) -> None:
        blocks = list(dict.fromkeys(site.block for site in sites))
        if text in blocks:
            frozen = blocks[: blocks.index(text) + 1]
            self.kernels = self.norms = frozenset(site.name for site in sites if site.block in frozen)
        else:
            positions = _positions(text, model, blocks)
            self.kernels = frozenset(site for site, (kernel, _) in positions.items() if kernel < int(text))
            self.norms = frozenset(site for site, (_, norm) in positions.items() if norm < int(text))
            before = [at for pair in positions.values() for at in pair if at < int(text)]
            text = str(max(before) + 1) if before else ""
        whole = _whole_blocks(self, blocks, sites)
        self.last_block = whole[-1] if whole else ""
        inside = {site.name for site in sites if site.block in whole}
        self.text = self.last_block if whole and self.kernels == self.norms == inside else text


def _whole_blocks(cut: Cut, blocks: Sequence[str], sites: Sequence[Site]) -> list[str]:
    """Those from the first on that lie before a cut with all their sites."""
    both = cut.kernels & cut.norms
    cut_through = {site.block for site in sites if site.name not in both}
    return list(itertools.takewhile(lambda block: block not in cut_through, blocks))


def _positions(text: str, model: str, blocks: Sequence[str]) -> dict[str, tuple[int, int]]:
    """Site -> positions of its convolution and of its norm among Keras's layers."""
    in_keras = ARCHITECTURES[model].keras_positions
    offered = f"a block of {model}: {', '.join(blocks)}"
    if not in_keras:
        raise ConfigError(f"--freeze_until={text} is not {offered}")
    positions, layers = in_keras()
    if not text.isdecimal() or int(text) > layers:
        raise ConfigError(
            f"--freeze_until={text} is neither a number of layers from 0 to {layers} nor {offered}"
        )
    return positions
