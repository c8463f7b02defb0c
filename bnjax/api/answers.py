"""``bnjax.answer``: a study's published conclusions and what recorded runs say of them."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bnjax.commands.parsing.usage import close_to
from bnjax.report.page.build import runs_to_report
from bnjax.report.verdicts.judgement import Judgement
from bnjax.report.verdicts.shelf import judge_all
from bnjax.settings.fields import ConfigError
from bnjax.studies import STUDIES

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True, eq=False)
class Answer:
    """The verdicts on a study's claims; a notebook shows them as a table.

    Attributes:
      study: its name.
      table: a row for each claim and recipe: ``claim`` (what was said), ``recipe``, ``verdict``, ``why`` it
        is neither supported nor contradicted, ``mean`` with ``low`` and ``high`` of its 95% interval where
        the claim is one contrast, ``n`` seeds, the ``data`` it was answered on, and whether it ``counts``:
        whether the claim speaks of such data.
      problems: a line for each thing in the folder that was left out.
    """

    study: str
    table: "pandas.DataFrame"
    problems: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"{STUDIES[self.study].title}\n{self.table.to_string(index=False)}"

    def _repr_html_(self) -> str:
        return f"<p>{STUDIES[self.study].title}</p>{self.table.to_html(index=False)}"


def answer(study: str, runs: str | Path = "runs") -> Answer:
    """What recorded runs say of a study's published conclusions.

    Args:
      study: its name.
      runs: a folder of records, such as the ``out_dir`` of what was trained, or the repository's
        ``experiments/results``.

    Raises:
      ConfigError: there is no such study.
      NotADirectoryError: there is no such folder.
      LookupError: it holds no runs.
    """
    import pandas

    if study not in STUDIES:
        raise ConfigError(f"{study!r} is not a study: {', '.join(STUDIES)}{close_to(study, STUDIES)}")
    folder = Path(runs)
    if not folder.is_dir():
        raise NotADirectoryError(f"{folder} is not a folder of runs")
    found, problems = runs_to_report(folder)
    judged = judge_all(STUDIES[study].claims, found)
    rows = [_row(judgements[0]) for by_recipe in judged for judgements in by_recipe.values()]
    return Answer(study, pandas.DataFrame(rows), tuple(problems))


def _row(judgement: Judgement) -> dict[str, Any]:
    """What a judgement says, with numbers where it rests on one contrast."""
    only = judgement.found[0] if len(judgement.found) == 1 else None
    estimate = only.estimate if only else None
    seeds = {run.config.seed for run in judgement.runs}
    return {
        "claim": judgement.claim.said,
        "recipe": judgement.recipe,
        "verdict": judgement.verdict,
        "why": judgement.why,
        "mean": estimate.mean if estimate else None,
        "low": estimate.low if estimate else None,
        "high": estimate.high if estimate else None,
        "n": estimate.n if estimate else len(seeds),
        "data": judgement.setting,
        "counts": judgement.on_its_data,
    }
