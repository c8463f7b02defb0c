"""What ``--help`` shows: one screen with the flags that matter, a group of flags, or all of them."""

import dataclasses
import shutil
import textwrap
from typing import Any

from bnjax.commands.parsing.usage import as_typed
from bnjax.probes import ALL, NONE, PROBES
from bnjax.settings.config import FIELDS
from bnjax.settings.fields import ConfigError
from bnjax.settings.options import OPTION_FIELDS
from bnjax.studies import RECIPES, STUDIES, recipe

#: Flags that most people want, in the order of their questions, and what they are in a few words.
_THAT_MATTER = {
    "placement": "where norms stand: none, all, kinds (conv,dense), sites or a code",
    "order": "before or after the activation",
    "norm": "",
    "dropout": "probability of dropping a dense unit's output",
    "model": "",
    "dataset": "cifar10, mnist, digits, folder:PATH or what TFDS has prepared",
    "recipe": "published, or controlled: shuffled, standardised",
    "epochs": "passes over the training images",
    "batch_size": "images in a training step",
    "learning_rate": "step size",
    "seed": "decides initial weights, data order and dropout",
    "seeds": "runs every condition with so many seeds",
    "vary": "runs every combination, such as 'placement=none|all; dropout=0|0.4'",
    "sweep": "runs the conditions of a named sweep or of a JSON file",
    "out_dir": "the folder of the records",
    "json": "prints JSON lines on a terminal too; --quiet prints nothing",
    "dry_run": "lists the runs and says how long they would take",
}
_WIDEST = 100
_FLAG_COLUMN = 24
_FOOTER = """\
Records go to OUT_DIR/RUN_ID/metrics.jsonl; bnjax report OUT_DIR makes tables and figures of them.
Exit codes: 0 done, 1 failed or diverged, 2 wrong usage, 130 interrupted."""


def help_page(program: str, study: str, group: str = "") -> str:
    """A page of help.

    Args:
      program: as it was called.
      study: whose defaults are told.
      group: of flags; empty for those that matter, with examples; ``all`` for every flag.

    Raises:
      ConfigError: there is no such group; names those that there are.
    """
    groups: dict[str, list[dataclasses.Field]] = {}
    for field in (*FIELDS, *OPTION_FIELDS):
        groups.setdefault(field.metadata["group"], []).append(field)
    if not group:
        return _first_page(program, study, list(groups))
    if group not in (ALL, *groups):
        raise ConfigError(f"--help={group} is not a group of flags: {', '.join(groups)}, {ALL}")
    shown = groups if group == ALL else {group: groups[group]}
    about = [_about(program, study)] if group == ALL else []
    blocks = (
        f"{name.capitalize()}:\n" + "\n".join(_whole_help(field, study) for field in fields)
        for name, fields in shown.items()
    )
    return "\n\n".join([*about, *blocks])


def _first_page(program: str, study: str, groups: list[str]) -> str:
    fields = {field.name: field for field in (*FIELDS, *OPTION_FIELDS)}
    words = _THAT_MATTER | {name: _first_sentence(fields[name]) for name in _of_this_study(study)}
    lines = [_line(fields[name], what, study) for name, what in words.items()]
    more = f"More flags: --help={'|'.join(groups)}; --helpfull shows all of them."
    return "\n\n".join([_about(program, study), "\n".join(lines), f"{_filled(more)}\n{_FOOTER}"])


def _of_this_study(study: str) -> list[str]:
    """Flags of fine-tuning that matter where a study fine-tunes."""
    published = STUDIES[study].published
    return [
        field.name
        for field in FIELDS
        if field.metadata["group"] == "fine-tuning" and getattr(published, field.name) != field.default
    ]


def _about(program: str, study: str) -> str:
    """What the program does, and what to type for it."""
    told, start = STUDIES[study], as_typed(program)
    commands = {f"  {start} {flags}": what for flags, what in told.examples.items()}
    column = max(map(len, commands), default=0) + 2
    room = column + max(map(len, commands.values()), default=0) <= _width()
    examples = [
        f"{command:<{column}}{what}" if room else f"{command}\n      {what}"
        for command, what in commands.items()
    ]
    return "\n\n".join(filter(None, [_filled(told.does or f"{told.about}."), "\n".join(examples)]))


def _line(field: dataclasses.Field, what: str, study: str) -> str:
    """A flag, what it is in a few words, its choices and its default."""
    choices = _choices(field, study)
    listed = ", ".join(choices) if choices and field.name in ("model", "norm", "sweep") else ""
    value = getattr(recipe(study, "published"), field.name, field.default)
    default = f" (default {_quoted(value)})" if value not in ("", False) else ""
    name = f"  --{field.name}{'' if field.default is False else '=...'}"
    return textwrap.fill(
        ": ".join(filter(None, (what, listed))) + default,
        max(_width(), 2 * _FLAG_COLUMN),
        initial_indent=f"{name:<{_FLAG_COLUMN}}",
        subsequent_indent=" " * _FLAG_COLUMN,
    )


def _first_sentence(field: dataclasses.Field) -> str:
    first = field.metadata["help"].partition(". ")[0].rstrip(".")
    return first[:1].lower() + first[1:]


def _whole_help(field: dataclasses.Field, study: str) -> str:
    """A flag with its choices, all of its help and its defaults by recipe."""
    published, controlled = (getattr(recipe(study, name), field.name, field.default) for name in RECIPES)
    shown = f"default {_quoted(published)}"
    if controlled != published and field.name != "recipe":
        shown += f", with --recipe=controlled {_quoted(controlled)}"
    choices = _choices(field, study)
    value = f"={'|'.join(map(str, choices))}" if choices else "" if field.default is False else "=..."
    text = _filled(f"{field.metadata['help']} ({shown})", " " * 6)
    return f"  --{field.name}{value}\n{text}"


def _choices(field: dataclasses.Field, study: str) -> tuple[str, ...]:
    if field.name == "sweep":
        return (*STUDIES[study].sweeps, "FILE.json")
    if field.name == "probes":
        return (ALL, NONE, *PROBES)
    return tuple(field.metadata["choices"] or ())


def _filled(text: str, indent: str = "") -> str:
    return textwrap.fill(text, _width(), initial_indent=indent, subsequent_indent=indent)


def _width() -> int:
    return min(shutil.get_terminal_size((_WIDEST, 24)).columns, _WIDEST)


def _quoted(value: Any) -> str:
    return repr(value) if value in ("", False, True) else str(value)
