"""Placements of VGG7 ranked, and the published statements beside our numbers (Qiita, 2018-10-02)."""

import itertools
import statistics
from collections.abc import Iterator

from bnjax.report.sections.tables import Finding, findings_table, provenance, row
from bnjax.report.sections.vgg7 import (
    Group,
    Metric,
    best_accuracy,
    early_loss,
    effects_left_out,
    final_accuracy,
    final_loss,
    largest_jump,
    lowest_loss,
    overfitting,
    site_effects,
)
from bnjax.stats.intervals import Estimate, estimate, possible
from bnjax.studies.vgg7 import PICK, PLAIN, VGG7

_RANK_COLUMNS = (
    "rank",
    "placement",
    "norms",
    "n",
    "lowest test loss",
    "final test loss",
    "best test accuracy, %",
    "final test accuracy, %",
    "overfitting",
    "lowest test loss, minus without norms",
    "pairs",
)
_OF_RUN = (
    (lowest_loss, ".4f", "nats"),
    (final_loss, ".4f", "nats"),
    (best_accuracy, ".2f", "%"),
    (final_accuracy, ".2f", "%"),
    (overfitting, ".4f", "nats"),
)
_WHAT: dict[Metric, str] = {
    lowest_loss: "lowest test loss",
    final_loss: "final test loss",
    early_loss: "mean test loss of the first fifth of epochs",
    largest_jump: "largest rise of the test loss from epoch to epoch",
    overfitting: "overfitting",
}
_LOSSES = (lowest_loss, final_loss)


def _with_norms(block: str) -> tuple[str, ...]:
    codes = (settings["placement"] for settings in VGG7.sweeps[block].values())
    return tuple(code for code in codes if code != PLAIN)


#: What was said, of which placements, held against which others, by which readings.
_COMPARED: tuple[tuple[str, tuple[str, ...], tuple[str, ...], tuple[Metric, ...]], ...] = (
    *(
        (f"BN in {block} holds overfitting down", _with_norms(block), (PLAIN,), (overfitting,))
        for block in ("block1", "block2", "fc")
    ),
    (
        "block1: BN in both layers is worse than in one",
        ("cBrcBr-crcr-drdr",),
        ("cBrcr-crcr-drdr", "crcBr-crcr-drdr"),
        _LOSSES,
    ),
    (
        "block1: BN in the first layer jumps less than in the second",
        ("cBrcr-crcr-drdr",),
        ("crcBr-crcr-drdr",),
        (largest_jump,),
    ),
    (
        "block2: with BN in both layers the loss falls fastest",
        ("crcr-cBrcBr-drdr",),
        (PLAIN, "crcr-cBrcr-drdr", "crcr-crcBr-drdr"),
        (early_loss,),
    ),
    (
        "block2: final losses hardly differ",
        ("crcr-cBrcBr-drdr",),
        ("crcr-cBrcr-drdr", "crcr-crcBr-drdr"),
        (final_loss,),
    ),
    ("fc: with BN the loss is higher at first", _with_norms("fc"), (PLAIN,), (early_loss,)),
    ("fc: BN in the first layer is worst", ("crcr-crcr-dBrdr",), ("crcr-crcr-dBrdBr",), _LOSSES),
    ("fc: BN in the second layer is best", ("crcr-crcr-drdBr",), ("crcr-crcr-dBrdBr",), _LOSSES),
    ("the pick is good: it falls early", (PICK,), (PLAIN,), (early_loss,)),
    ("the pick is good: it does not overfit", (PICK,), (PLAIN,), (overfitting,)),
    ("the pick is good", (PICK,), (PLAIN,), _LOSSES),
)
_NOTE = (
    "Means with 95% intervals over n seeds; losses in nats; overfitting: final minus lowest test loss; "
    "differences are paired by seed. Each interval is that of one row: the first of many placements would "
    "not rank as high with other seeds."
)


def vgg7_report(group: Group) -> str:
    """The tables of a group, each a paragraph, with what they rest on in the last line."""
    left_out = f"{len(group.left_out)} left out, unfinished or diverged"
    codes = sorted({run.run["config"]["placement"] for run in group.left_out})
    if codes:
        left_out += f" ({', '.join(codes)})"
    if not group.found:
        return f"## {group.title}\n\nNo run to show; {left_out}."
    parts = [f"## {group.title}", ranked_table(group), pick_sentence(group), _NOTE]
    if group.has_grid():
        parts += filter(None, [effects_table(group), effects_left_out(group)])
    findings = list(statements(group))
    if findings:
        parts.append(findings_table(findings))
    return "\n\n".join([*parts, f"{provenance(group.runs)}; {left_out}."])


def ranked_table(group: Group) -> str:
    """Every placement that was run, the lowest mean of the lowest test loss first, as Markdown."""
    lines = [row(_RANK_COLUMNS), row(["---"] * len(_RANK_COLUMNS))]
    for rank, code in enumerate(group.ranked(), start=1):
        marked = f"**{code}** (published pick)" if code == PICK else code
        cells = [str(rank), marked, str(sum(map(str.isupper, code))), str(len(group.found[code]))]
        for metric, form, unit in _OF_RUN:
            cells.append(_shown(possible(estimate([*group.values(code, metric).values()]), unit), form))
        difference = group.difference(code, PLAIN, lowest_loss) if code != PLAIN else None
        told = [_shown(difference, "+.4f"), str(difference.n)] if difference else ["-", "-"]
        lines.append(row([*cells, *told]))
    return "\n".join(lines)


def _shown(value: Estimate, form: str) -> str:
    end = form.lstrip("+")
    interval = "" if value.low is None else f" ({value.low:{end}} to {value.high:{end}})"
    return f"{value.mean:{form}}{interval}"


def pick_sentence(group: Group) -> str:
    """Where the published pick ranks, and whether it can be told from the best placement."""
    ranked = group.ranked()
    if PICK not in ranked:
        return f"The published pick {PICK} was not run."
    rank, best = ranked.index(PICK) + 1, ranked[0]
    place = f"The published pick {PICK} ranks {rank} of {len(ranked)} by its lowest test loss"
    if rank == 1:
        return f"{place}."
    difference = group.difference(PICK, best, lowest_loss)
    if difference is None:
        return f"{place}; it shares no seed with the best placement, {best}."
    minus = f"{place}; minus that of the best placement, {best}, it is {difference.mean:+.4f}"
    if difference.low is None or difference.high is None:
        return f"{minus} with one seed, which gives no interval."
    excludes = "excludes" if difference.low > 0 or difference.high < 0 else "does not exclude"
    interval = f"{difference.low:.4f} to {difference.high:.4f}, n = {difference.n}"
    return f"{minus}; its 95% interval ({interval}) {excludes} 0."


def effects_table(group: Group) -> str:
    """What a norm at each site changes, whatever stands at the others, as Markdown; empty if untold."""
    columns = ("norm at", "lowest test loss, with minus without", "final test loss, with minus without", "n")
    lines = [row(columns), row(["---"] * len(columns))]
    final = site_effects(group, final_loss)
    for site, lowest in site_effects(group).items():
        lines.append(row([site, _shown(lowest, "+.4f"), _shown(final[site], "+.4f"), str(lowest.n)]))
    return "\n".join(lines) if len(lines) > 2 else ""


def statements(group: Group) -> Iterator[Finding]:
    """Every published statement that can be held against what was run."""
    found = [*group.values(PLAIN, overfitting).values()]
    if found:
        said = "without BN the loss rises after its minimum"
        level = possible(estimate(found), "nats")
        yield Finding(said, PLAIN, "final minus lowest test loss", level, "nats")
    for said, codes, references, metrics in _COMPARED:
        for code, reference, metric in itertools.product(codes, references, metrics):
            yield from _compared(group, said, code, reference, metric)
    if group.dataset == "cifar10":
        for metric in _LOSSES:
            yield from _any_norm(group, "follow-up: on CIFAR-10 BN makes the loss larger", metric)


def _compared(group: Group, said: str, code: str, reference: str, metric: Metric) -> Iterator[Finding]:
    difference = group.difference(code, reference, metric)
    if difference:
        yield Finding(said, code, f"{_WHAT[metric]}, minus {reference}", difference, "nats")


def _any_norm(group: Group, said: str, metric: Metric) -> Iterator[Finding]:
    """The mean over all placements with norms, for the seeds that have every one of them."""
    codes = [code for code in group.found if code != PLAIN]
    plain = group.values(PLAIN, metric)
    values = [group.values(code, metric) for code in codes]
    seeds = set(plain).intersection(*values) if values else set()
    if seeds:
        means = [statistics.fmean(v[seed] for v in values) - plain[seed] for seed in sorted(seeds)]
        condition = f"mean of {len(codes)} placements with norms" if len(codes) > 1 else codes[0]
        yield Finding(said, condition, f"{_WHAT[metric]}, minus {PLAIN}", estimate(means), "nats")
