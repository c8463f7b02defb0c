"""Conditions side by side in a sentence: which is the most accurate, and which differ beyond chance."""

import statistics
from collections.abc import Mapping, Sequence

from bnjax.report.runs.recorded import RecordedRun
from bnjax.report.sections.measures import MEASURES
from bnjax.report.sections.verdict_cells import higher_of_two
from bnjax.stats import CONFIDENCE, Estimate, Interval, estimate, holm, seeds_needed

_ACCURACY, _FRESH = MEASURES[:2]
#: Conditions that a sentence names.
_NAMED = 3
#: Condition -> seed -> run.
Found = Mapping[str, Mapping[int, RecordedRun]]


def in_short(found: Found, reference: str, interval: Interval) -> str:
    """What runs say of their test accuracy; empty where there is nothing to compare.

    Args:
      found: conditions and their runs.
      reference: the one that the others are held against.
      interval: what tells chance, of the seeds that it counts.
    """
    pairs = {
        name: interval.counted(differences)
        for name, by_seed in found.items()
        if name != reference and (differences := _ACCURACY.pairs(by_seed, found[reference]))
    }
    if not pairs:
        return ""
    sentence = _of_many(found, reference, pairs, interval)
    if len(pairs) == 1:
        [(name, differences)] = pairs.items()
        sentence = _of_two(found, name, reference, differences, interval)
    return f"Test accuracy{sentence}."


def _of_two(found: Found, name: str, reference: str, differences: Sequence[float], interval: Interval) -> str:
    difference = estimate(differences, interval=interval)
    told = [higher_of_two("", (name, reference), difference, ".2f", "points")]
    if difference.low is not None and not difference.tells_apart:
        seeds = seeds_needed(statistics.stdev(differences), difference.mean, interval=interval)
        told += [f"about {seeds:,} seeds would tell, if their spread stays"] if seeds else []
    if fresh := _FRESH.difference(found[name], found[reference], interval):
        told.append(f"through fresh statistics {_signed(fresh)}")
    return "; ".join(told)


def _of_many(found: Found, reference: str, pairs: Mapping[str, Sequence[float]], interval: Interval) -> str:
    """Which is highest, and how many differ from the reference after correction for their number."""
    levels = {name: _ACCURACY.level(by_seed, interval) for name, by_seed in found.items()}
    means = {name: level.mean for name, level in levels.items() if level}
    best = max(means, key=means.__getitem__)
    corrected = dict(zip(pairs, holm([interval.p(one, 0.0) for one in pairs.values()]), strict=True))
    apart = [name for name, one in corrected.items() if one < 1 - CONFIDENCE]
    apart.sort(key=lambda name: -abs(statistics.fmean(pairs[name])))
    told = [
        f"\u201c{name}\u201d {_signed(estimate(pairs[name], interval=interval))}" for name in apart[:_NAMED]
    ]
    more = [f"and {len(apart) - _NAMED} more"] if len(apart) > _NAMED else []
    named = ": " + ", ".join([*told, *more]) if told else ""
    count = f"{len(apart) or 'none'} of {len(pairs)} others differ{'' if len(apart) > 1 else 's'}"
    highest = f"highest with \u201c{best}\u201d, {means[best]:.2f}% on average"
    return f": {highest}; {count} from \u201c{reference}\u201d beyond chance (p after Holm below 0.05){named}"


def _signed(difference: Estimate) -> str:
    interval = "" if difference.low is None else f" [{difference.low:+.2f}, {difference.high:+.2f}]"
    return f"{difference.mean:+.2f} points{interval}"
