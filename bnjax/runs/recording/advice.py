"""Lines for people about running statistics before a run, and about what its records show behind it."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import jax

from bnjax.diagnosis import History, diagnosed
from bnjax.diagnosis.evaluation import norm_modes
from bnjax.process.bar import say
from bnjax.runs.recording.run_record import frozen_words
from bnjax.settings.config import Config
from bnjax.settings.identity import first_of, run_id
from bnjax.settings.places import record_path

if TYPE_CHECKING:
    from bnjax.runs.training import Run

#: Running statistics are mostly new where less than this part of their initial values is left.
_MOSTLY_NEW = 0.1
#: A momentum is advised that leaves this part.
_NEW = 0.01
#: So many findings of a run are told at its end.
_MOST = 3
#: So much more accurate in training mode than in evaluation mode is "far".
_FAR = 0.2


def tell_before(runs: "Sequence[Run]") -> None:
    """Says on stderr what to know before runs train; what several have in common, once."""
    lines: dict[str, list[str]] = {}
    for run in runs:
        advised = before_training(run.config, run.config.epochs * run.steps_per_epoch)
        for line in filter(None, (frozen_words(run), *advised)):
            lines.setdefault(line, []).append(run_id(run.config))
    _say(lines)


def tell_after(run: "Run") -> None:
    """Says on stderr what the records of a run show, and what may be behind its last accuracies."""
    last = run.epochs[-1] if run.epochs else {}
    lines = [*diagnosis(run.config, run.epochs), *after_training(run.config, last, run.steps_per_epoch)]
    _say({line: [run_id(run.config)] for line in lines})


def diagnosis(config: Config, epochs: Sequence[Mapping[str, Any]]) -> list[str]:
    """One line about all that rules find in the records of a run; nothing where they find nothing.

    Args:
      config: resolved.
      epochs: the fields of its ``epoch`` records.
    """
    findings = diagnosed(History(config, epochs))
    if len(findings) < 2:
        return [finding.words for finding in findings]
    told = "; ".join(
        f"({number}) {finding.words}" for number, finding in enumerate(findings[:_MOST], start=1)
    )
    more = f"; and {len(findings) - _MOST} more" if len(findings) > _MOST else ""
    return [f"{told}{more} (bnjax diagnose {record_path(config).parent})"]


def _say(lines: Mapping[str, Sequence[str]]) -> None:
    if jax.process_index():
        return  # of several hosts, the first one speaks
    for line, names in lines.items():
        say(f"run {first_of(names)}: {line}")


def before_training(config: Config, steps: int) -> list[str]:
    """What to know before training about norms that start from mean 0 and variance 1.

    Args:
      config: resolved.
      steps: of the whole run.
    """
    if config.weights != "none" or config.pretrain:
        return []  # their statistics come with the weights
    warnings, modes = [], norm_modes(config)
    for flag, mode in modes.items():
        if mode in ("inference", "frozen"):
            when = "training and evaluation" if mode == "inference" else "evaluation"
            warnings.append(
                f"norms with --{flag}={mode} never update their running statistics, and without --weights or "
                f"--pretrain those are mean 0 and variance 1: {when} normalises nothing there; set "
                f"--{flag}=train, or give weights"
            )
    kept = config.norm_momentum**steps
    if "train" in modes.values() and kept > _MOSTLY_NEW:
        advised = math.floor(100 * _NEW ** (1 / steps)) / 100
        warnings.append(
            f"after its {steps} steps, running statistics are still {kept:.0%} initial values (mean 0, "
            f"variance 1), and evaluation uses them; train for more --epochs, or set "
            f"--norm_momentum={advised:g}"
        )
    return warnings


def after_training(config: Config, last: Mapping[str, Any], steps_per_epoch: int) -> list[str]:
    """What may be behind an evaluation far behind training, where fresh statistics were not computed.

    Args:
      config: resolved.
      last: the record of the last epoch.
    """
    if last.get("test_accuracy_fresh") is not None or "train" not in norm_modes(config).values():
        return []
    return _guess(config, last, steps_per_epoch)


def _guess(config: Config, last: Mapping[str, Any], steps_per_epoch: int) -> list[str]:
    """What may be behind an evaluation that falls far behind training."""
    trained, seen, test = (
        last.get(name) for name in ("train_accuracy", "train_evaluation_accuracy", "test_accuracy")
    )
    # Where the same images were evaluated, overfitting cannot be the reason. Where they were not, statistics
    # that are mostly of the last epoch are not taken for the reason either.
    evaluated = test if seen is None else seen
    if trained is None or evaluated is None or trained - evaluated <= _FAR:
        return []
    if seen is None and config.norm_momentum**steps_per_epoch <= _MOSTLY_NEW:
        return []
    what = "test images (which may be overfitting)" if seen is None else "the same images in evaluation mode"
    folder = record_path(config).parent
    return [
        f"training accuracy {trained:.0%}, but {evaluated:.0%} on {what}: running statistics may lag behind "
        f"the weights (--norm_momentum={config.norm_momentum:g}); to see, run again with --overwrite "
        f"--keep_state, then with --weights={folder} --trained=pooled-statistics --evaluate_train"
    ]
