"""Every condition of any experiment beside the others that it can be compared with."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from bnjax.errors import UserError
from bnjax.report.page.document import PageFigure, Section, Table, TableCell, number, numbered, slug, text
from bnjax.report.runs.comparisons import Comparison
from bnjax.report.runs.recorded import RecordedRun
from bnjax.report.runs.selected import cut, interval_of
from bnjax.report.sections.in_short import in_short
from bnjax.report.sections.measures import COUNTS, MEASURES, Measure, level_cell, mean_count
from bnjax.report.sections.probe_numbers import probe_table
from bnjax.report.verdicts.cell import why_not_whole
from bnjax.stats import Interval
from bnjax.studies.typed import is_code, spoken

_NOTE = (
    "Means over n seeds, after the last epoch where a column names no other; in brackets 95% intervals "
    "({interval}). Fresh: through running statistics computed anew from training images."
)
_PAIRS_NOTE = (
    "Paired by seed: runs of one seed share initial weights and the images' order. In brackets 95% intervals "
    "({interval}); one that holds 0 does not tell the two apart. Fresh: where one of the two has no running "
    "statistics, it is taken as it is."
)


@dataclass(frozen=True)
class Counted:
    """What counts of a comparison.

    Attributes:
      comparison: where the runs come from.
      found: condition -> seed -> run, cut to the epochs that count; empty where none of its runs does.
      left_out: condition -> why -> the seeds of the runs that do not count.
      reference: the condition that the others are held against.
    """

    comparison: Comparison
    found: Mapping[str, Mapping[int, RecordedRun]]
    left_out: Mapping[str, Mapping[str, Sequence[int]]]
    reference: str

    @cached_property
    def with_runs(self) -> Mapping[str, Mapping[int, RecordedRun]]:
        """The conditions that have runs that count."""
        return {name: by_seed for name, by_seed in self.found.items() if by_seed}

    @cached_property
    def interval(self) -> Interval:
        """That of all means."""
        return interval_of(run.config for by_seed in self.found.values() for run in by_seed.values())

    @cached_property
    def measures(self) -> list[Measure]:
        """Those that any of the runs has."""
        return [measure for measure in MEASURES if any(map(measure.values, self.found.values()))]


class UnknownConditionError(UserError, LookupError):
    """No comparison has a condition of that name."""


def counted(comparisons: Sequence[Comparison], against: str = "") -> list[Counted]:
    """What counts of each comparison, held against its first condition or one by its name.

    Args:
      comparisons: of any experiments.
      against: a condition; those that lack it are held against their first.

    Raises:
      UnknownConditionError: none has it.
    """
    names = list(dict.fromkeys(name for each in comparisons for name in each.conditions))
    if against and against not in names:
        shown = "; ".join(names[:12]) + ("; ..." if len(names) > 12 else "")
        raise UnknownConditionError(f"--against={against} is no condition of these runs, which are: {shown}")
    return [_counted(each, against) for each in comparisons]


def _counted(comparison: Comparison, against: str) -> Counted:
    found: dict[str, dict[int, RecordedRun]] = {}
    left_out: dict[str, dict[str, list[int]]] = {}
    for name, runs in comparison.conditions.items():
        by_seed, lacking = found.setdefault(name, {}), left_out.setdefault(name, {})
        for run in runs:
            seed = run.config.seed
            why = "repeated" if seed in by_seed else why_not_whole(run, comparison.epochs)
            if why:
                lacking.setdefault(why, []).append(seed)
            else:
                by_seed[seed] = cut(run, comparison.epochs)
    whole = [name for name, by_seed in found.items() if by_seed]
    first = next(iter(whole or found))
    return Counted(comparison, found, left_out, against if against in found else first)


def side_by_side_sections(
    comparisons: Sequence[Counted], pictures: Mapping[str, Sequence[PageFigure]]
) -> list[Section]:
    """A section for each comparison.

    Args:
      comparisons: what counts of each.
      pictures: a section's name -> what is drawn of it.
    """
    return [
        Section(
            name,
            each.comparison.title,
            list(_paragraphs(each)),
            _tables(each),
            pictures.get(name, ()),
            brief=True,
            finding=in_short(each.found, each.reference, each.interval),
        )
        for name, each in zip(section_names(comparisons), comparisons, strict=True)
    ]


def section_names(comparisons: Sequence[Counted]) -> list[str]:
    """A name for each comparison's section and files."""
    return numbered(slug("runs", each.comparison.title) for each in comparisons)


def _paragraphs(counted: Counted) -> Iterator[str]:
    comparison = counted.comparison
    shared = ", ".join(spoken(name, value) for name, value in comparison.shared.items())
    unnamed = ", ".join(spoken(name, value) for name, value in comparison.unnamed.items())
    told = [_of_what(comparison), f"All share: {shared}." if shared else ""]
    told += [f"Where a condition says nothing else: {unnamed}." if unnamed else "", _orders(comparison)]
    yield " ".join(filter(None, told))
    yield from _left_out(counted)
    yield from _without_pairs(counted)


def _of_what(comparison: Comparison) -> str:
    data = comparison.data
    shape, training, test = (data.get(name) for name in ("image_shape", "train_images", "test_images"))
    images = f": {training:,} training and {test:,} test images" if training and test else ""
    size = f" of {shape[0]}x{shape[1]}" if images and shape else ""
    version = f" {data['version']}" if data.get("version") else ""
    study = f" of {comparison.study}" if comparison.study else ""
    facts = f"Network {comparison.model}; data {data['name']}{version} ({data['encoding']}){images}{size}"
    epochs = f"{comparison.epochs} epoch{'' if comparison.epochs == 1 else 's'}"
    return f"{facts}; {epochs}; recipe {comparison.recipe}{study}."


def _orders(comparison: Comparison) -> str:
    """Where norms stand, if a condition leaves it open."""
    placements = [name.partition(", ")[0] for name in comparison.conditions]
    if any(name != "none" and ":" not in name and not is_code(name) for name in placements):
        return f"Norms stand {comparison.order} the activation unless a placement says otherwise."
    return ""


def _left_out(counted: Counted) -> Iterator[str]:
    lacking = [
        f"{name}: {why} (seed{'' if len(seeds) == 1 else 's'} {', '.join(map(str, sorted(seeds)))})"
        for name, of_condition in counted.left_out.items()
        for why, seeds in sorted(of_condition.items())
    ]
    if lacking:
        yield f"Left out, since they did not come to epoch {counted.comparison.epochs}: {'; '.join(lacking)}."


def _without_pairs(counted: Counted) -> Iterator[str]:
    """Why some or all conditions have no difference."""
    reference = counted.found[counted.reference]
    others = [name for name, by_seed in counted.found.items() if not by_seed.keys() & reference.keys()]
    others = [name for name in others if name != counted.reference and counted.found[name]]
    if len(counted.found) == 1:
        yield "One condition alone: nothing to compare it with."
    elif others:
        yield f"No seed in common with {counted.reference}, so no difference from it: {'; '.join(others)}."


def _tables(counted: Counted) -> list[Table]:
    columns = ["condition", "n", *(one.title for one in (*counted.measures, *COUNTS)), "left out"]
    rows = [_levels(counted, name) for name in counted.found]
    note = _NOTE.format(interval=counted.interval.name)
    levels = Table("Every condition", columns, rows, note)
    return [levels, *_differences(counted), *probe_table(counted.found, counted.interval)]


def _levels(counted: Counted, name: str) -> list[TableCell]:
    by_seed, n = counted.found[name], len(counted.found[name])
    levels = [level_cell(one.level(by_seed, counted.interval), one.form, n) for one in counted.measures]
    counts = [number(mean_count(one, by_seed), one.form) for one in COUNTS]
    lacking = [f"{len(seeds)} {why}" for why, seeds in sorted(counted.left_out[name].items())]
    return [text(name), number(n), *levels, *counts, text(", ".join(lacking) or "-")]


def _differences(counted: Counted) -> list[Table]:
    """Every other condition minus the reference; no table where no two share a seed."""
    reference = counted.found[counted.reference]
    columns = ["condition", "pairs", *(one.title_of_differences for one in counted.measures)]
    rows = []
    for name, by_seed in counted.found.items():
        pairs = len(by_seed.keys() & reference.keys())
        if name != counted.reference and pairs:
            found = [(one, one.difference(by_seed, reference, counted.interval)) for one in counted.measures]
            cells = [level_cell(value, f"+{one.form}", pairs) for one, value in found]
            rows.append([text(name), number(pairs), *cells])
    note = _PAIRS_NOTE.format(interval=counted.interval.name)
    return [Table(f"Minus {counted.reference}", columns, rows, note)] if rows else []
