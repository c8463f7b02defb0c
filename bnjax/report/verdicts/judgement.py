"""A claim held against runs of one kind: what was found of each contrast, and the verdict."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bnjax.report.runs.readings import READINGS
from bnjax.report.runs.recorded import RecordedRun
from bnjax.report.runs.selected import interval_of
from bnjax.report.verdicts.cell import Cell, Outcomes, outcomes, through_fresh
from bnjax.report.verdicts.decision import NOT_RUN, Decision, Verdict, decide
from bnjax.stats import STUDENT, Estimate, Interval, bootstrap_mean
from bnjax.studies.claim import Claim, Contrast

_NO_WORST = {
    "diverged": "diverged, and no value of this reading is worst",
    "interrupted": "not finished",
}


@dataclass(frozen=True)
class Found:
    """A contrast and what records say of it.

    Attributes:
      contrast: what was asked.
      decision: verdict, estimate and how surprising it is.
      resampled: the mean with its interval by the bootstrap; None where it was not run.
      size_met: whether the interval reaches into the published size; None where there is none or no interval.
      runs: those of its conditions whose seeds have all of them.
      fresh: what the same runs decide through fresh statistics; None where they were not measured so.
    """

    contrast: Contrast
    decision: Decision = NOT_RUN
    resampled: Estimate | None = None
    size_met: bool | None = None
    runs: Sequence[RecordedRun] = ()
    fresh: Decision | None = None

    @property
    def verdict(self) -> Verdict:
        """Of this contrast alone."""
        return self.decision.verdict

    @property
    def estimate(self) -> Estimate | None:
        """Mean over seeds with its 95% interval; None where it was not run."""
        return self.decision.ours


@dataclass(frozen=True)
class Judgement:
    """A claim under one recipe, on one data set and number of epochs.

    Attributes:
      claim: what was said.
      recipe: published or controlled.
      found: its contrasts.
      verdict: of the claim: all contrasts hold, one is contradicted, or neither.
      why: in words, where it is neither supported nor contradicted.
      setting: data set and number of epochs; empty where nothing was run.
      on_its_data: whether that is the data that the claim speaks of; elsewhere a verdict is never counted.
      interval: what verdicts rest on.
      runs: those that count, whether their seeds have every condition of a contrast or not.
      left_out: why -> how many runs of its conditions do not count.
    """

    claim: Claim
    recipe: str
    found: tuple[Found, ...]
    verdict: Verdict = "not run"
    why: str = ""
    setting: str = ""
    on_its_data: bool = True
    interval: Interval = STUDENT
    runs: Sequence[RecordedRun] = ()
    left_out: Mapping[str, int] = field(default_factory=dict)

    @property
    def p(self) -> float | None:
        """How surprising its verdict is if it is wrong, or the nearer verdict where it has none.

        Support takes all contrasts, a contradiction one. None where some contrast has no interval.
        """
        decisions = [one.decision for one in self.found]
        if not decisions or any(d.ours is None or d.verdict == "cannot tell" for d in decisions):
            return None
        support = max(d.p_support for d in decisions)
        contradict = min(d.p_contradict for d in decisions)
        return {"supported": support, "contradicted": contradict}.get(self.verdict, min(support, contradict))

    @property
    def seconds_to_decide(self) -> float | None:
        """What the seeds that open contrasts still take would cost, at the pace of these runs."""
        missing: dict[str, int] = {}
        for one in self.found:
            if one.verdict == "open" and one.decision.seeds and one.estimate:
                more = one.decision.seeds - one.estimate.n
                missing |= {c: max(more, missing.get(c, 0)) for c in one.contrast.weights}
        lengths = [sum(epoch["seconds"] or 0 for epoch in run.epochs) for run in self.runs]
        return sum(missing.values()) * statistics.fmean(lengths) if missing and any(lengths) else None


def judged(
    claim: Claim,
    recipe_name: str,
    cell: Cell,
    setting: str,
    on_its_data: bool,
    interval: Interval | None = None,
) -> Judgement:
    """A claim held against the runs of a cell.

    Args:
      claim: what was said.
      recipe_name: of the runs.
      cell: its runs on one data set and of one number of epochs.
      setting: that data set and number, for people.
      on_its_data: whether the claim speaks of that data.
      interval: what the verdict rests on; None: what the runs say of how their number came about.
    """
    if not interval:
        interval = interval_of(run.config for run in cell.runs)
    fresh = through_fresh(cell)
    found = tuple(_found(contrast, cell, fresh, claim, interval) for contrast in claim.contrasts)
    verdict, why = verdict_of_all(found)
    if verdict != "not run" and cell.epochs < claim.least_epochs:
        verdict = "cannot tell"
        why = f"{cell.epochs} of the published {claim.epochs} epochs; it takes {claim.least_epochs}"
    return Judgement(
        claim, recipe_name, found, verdict, why, setting, on_its_data, interval, cell.runs, cell.left_out
    )


def _found(contrast: Contrast, cell: Cell, fresh: Cell | None, claim: Claim, interval: Interval) -> Found:
    seen = outcomes(contrast, cell)
    decision = _decided(contrast, seen, claim, interval)
    if not seen.values:
        return Found(contrast, decision)
    ours, met = decision.ours, None
    if contrast.size and ours and ours.low is not None and ours.high is not None:
        met = ours.low <= contrast.size[1] and ours.high >= contrast.size[0]
    runs = [
        cell.found[condition][seed]
        for condition in contrast.weights
        for seed in seen.values
        if seed in cell.found.get(condition, {})
    ]
    through = _decided(contrast, outcomes(contrast, fresh), claim, interval) if fresh else None
    return Found(contrast, decision, bootstrap_mean([*seen.values.values()]), met, runs, through)


def _decided(contrast: Contrast, seen: Outcomes, claim: Claim, interval: Interval) -> Decision:
    """What the outcomes of a contrast decide; seeds that have no value keep it open."""
    told = (f"{count} seed{'s' if count > 1 else ''} {_NO_WORST[why]}" for why, count in seen.lost.items())
    lost = ", ".join(told)
    if not seen.values:
        verdict: Verdict = "cannot tell" if seen.lacking else "open" if lost else "not run"
        return Decision(verdict, seen.lacking or lost)
    percent = len(contrast.weights) == 1 and READINGS[contrast.reading].unit == "points"
    values = list(seen.values.values())
    decision = decide(contrast, values, len(claim.contrasts), interval, claim.least_seeds, percent)
    return decision._replace(verdict="open", why=lost, seeds=None) if lost else decision


def verdict_of_all(found: Sequence[Found]) -> tuple[Verdict, str]:
    """A claim's verdict, and why it is neither supported nor contradicted.

    Returns:
      Contradicted where a contrast is, supported where all are, not run where none was, open where some were
      not run or are open, else cannot tell.
    """
    verdicts = [one.verdict for one in found]
    if not verdicts or set(verdicts) == {"not run"}:
        return "not run", ""
    if "contradicted" in verdicts:
        return "contradicted", ""
    if set(verdicts) == {"supported"}:
        return "supported", ""
    missing = verdicts.count("not run")
    whys = [f"{missing} of {len(found)} contrasts not run"] if missing else []
    whys += dict.fromkeys(one.decision.why for one in found if one.decision.why)
    open_ones = [one for one in found if one.verdict == "open"]
    asked = [one.decision.seeds for one in open_ones if one.decision.seeds]
    if len(open_ones) > 1 and len(asked) == len(open_ones):
        told = max(open_ones, key=lambda one: one.decision.seeds or 0).decision.why
        whys = [*whys[: bool(missing)], told]
    return ("open" if missing or open_ones else "cannot tell"), "; ".join(whys)
