"""Runs chosen by their settings, as a library's user names them."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bnjax.errors import UserError
from bnjax.report.runs.recorded import NoRunsError, RecordedRun
from bnjax.settings.canonical import resolve
from bnjax.settings.config import FIELDS
from bnjax.settings.fields import ConfigError
from bnjax.studies.typed import base_of, typed_placement

#: Values of a complaint.
_MOST_SHOWN = 12
_NAMES = ("study", *(field.name for field in FIELDS if field.metadata["identity"]))


class UnknownSettingError(UserError, TypeError):
    """A name that is no setting by which runs can be chosen."""


def chosen(runs: Iterable[RecordedRun], select: Mapping[str, Any]) -> list[RecordedRun]:
    """The runs that have all of these settings.

    Args:
      runs: of any experiment.
      select: a setting, or ``study`` -> its value, or a list of values of which any will do. Placements are
        written as on the command line: ``"conv,dense"`` also finds the run recorded as ``crB-crB-drB``.

    Raises:
      UnknownSettingError: runs have no such setting.
      NoRunsError: none is left; names the first setting that left none, and what there is.
    """
    left = list(runs)
    for name, wanted in select.items():
        if name not in _NAMES:
            raise UnknownSettingError(f"{name} is no setting of a run; there are {', '.join(_NAMES)}")
        values = wanted if isinstance(wanted, list | tuple | set | frozenset) else [wanted]
        kept = [run for run in left if any(_has(run, name, value) for value in values)]
        if left and not kept:
            raise NoRunsError(f"no run has {name} {_listed(values)}; there are {_listed(_there(left, name))}")
        left = kept
    return left


def _has(run: RecordedRun, name: str, value: Any) -> bool:
    if name == "study":
        return run.study == value
    config = run.config
    if name != "placement":
        return getattr(config, name) == value
    order = base_of(run.study, config.recipe).order
    try:
        return (
            resolve(dataclasses.replace(config, placement=value, order=order)).placement == config.placement
        )
    except ConfigError:  # of another network
        return False


def _there(runs: Sequence[RecordedRun], name: str) -> list[Any]:
    if name == "study":
        return [run.study for run in runs]
    if name == "placement":
        return [typed_placement(run.config) for run in runs]
    return [getattr(run.config, name) for run in runs]


def _listed(values: Iterable[Any]) -> str:
    shown = list(dict.fromkeys(map(str, values)))
    return ", ".join(shown[:_MOST_SHOWN]) + (", ..." if len(shown) > _MOST_SHOWN else "")
