"""Claims of papers: counted apart from the texts', shown where a run answers one, read from probes."""

import math
from pathlib import Path

import numpy as np
import pytest
from test_report_verdicts import made_run

from bnjax.report.page.build import Folder, report_of
from bnjax.report.page.results import results_text, verdicts_by_study, verdicts_on_papers
from bnjax.report.page.short import short_form
from bnjax.report.runs.comparisons import comparisons_of
from bnjax.report.runs.readings import READINGS, reading_of
from bnjax.report.sections.side_by_side import counted
from bnjax.stats.intervals import Estimate, possible
from bnjax.studies import STUDIES

DATA = {
    "name": "digits",
    "version": "1",
    "encoding": "png",
    "image_shape": [8, 8, 1],
    "train_images": 512,
    "classes": 10,
}
FACTOR = 1.25


def gradients(norms):
    """What the probe records of layers with such norms, in the order of names, as JAX gives them."""
    recorded = {
        f"fc/dense{number}": {"gradient_norm": norm, "update_norm": 0.0, "kernel_norm": 1.0}
        for number, norm in enumerate(norms, start=1)
    }
    return dict(sorted(recorded.items()))


def deep_run(factor=FACTOR, layers=20, **settings):
    """A run whose gradients grow by a factor from each layer to the one below, but for the first."""
    run = made_run("yang2019", 1, 0.1, DATA, hidden_layers=layers, **settings)
    run.epochs[0]["gradients"] = gradients([100.0, *(factor**place for place in range(layers - 1, 0, -1))])
    return run


def report_on(runs):
    for number, run in enumerate(runs):
        run.run["run_id"] = str(number)
    folder = Folder(Path("runs"), None, runs, counted(comparisons_of(runs)), ())
    return report_of(folder, pictures=False)


def of_paper():
    """Ten seeds of which gradients grow by other factors from 1.2 on, beside six of a text."""
    random = np.random.default_rng(0)
    for seed in range(10):
        for deviation in (0.03, 0.1, 0.3):
            settings = {"kernel_init": "gaussian", "init_deviation": deviation, "seed": seed}
            yield deep_run(random.normal(1.2, 0.01), **settings)
    for seed in range(6):
        for placement in ("dense", "none"):
            yield made_run(placement=placement, seed=seed, accuracy=random.normal(0.98, 0.001))


@pytest.fixture(scope="module")
def report():
    return report_on(list(of_paper()))


def section(report, name):
    [found] = (section for section in report.sections if section.name == name)
    return found


def test_papers_without_runs_are_nowhere_on_the_page():
    report = report_on([made_run(placement="none", seed=seed) for seed in range(2)])
    assert "papers" not in [section.name for section in report.sections]
    words = str(report.sections)
    assert all(paper not in words for paper, study in STUDIES.items() if study.kind == "paper")
    assert "What papers claim" not in results_text(report)


def test_papers_have_a_section_and_a_count_of_their_own(report):
    papers, texts = section(report, "papers"), section(report, "claims")
    ours = STUDIES["yang2019"].claims
    assert papers.paragraphs[0].startswith(f"{len(ours)} claims. published: 1 supported, 0 contradicted")
    assert papers.paragraphs[1].startswith("1 questions are asked")
    assert papers.paragraphs[2].startswith("They rest on 30 runs; data digits")
    assert len(papers.tables[0].rows) == len(ours)
    assert [answer.study for answer in papers.answers] == ["yang2019"]
    [row] = papers.tables[2].rows
    assert [cell.text for cell in row][-3:] == [STUDIES["yang2019"].same, STUDIES["yang2019"].differs, "7"]
    told = sum(len(study.claims) for study in STUDIES.values() if study.kind == "text")
    assert texts.paragraphs[0].startswith(f"{told} claims.")
    assert "yang2019" not in str(texts)
    assert "yang2019" not in str(section(report, "answers"))


def test_what_papers_ran_stands_behind_the_texts(report):
    names = [section.name for section in report.sections]
    mnist, yang = (
        next(n for n in names if n.startswith(f"runs-mlp-on-{data}")) for data in ("mnist", "digits")
    )
    assert names.index("answers") < names.index(mnist) < names.index("claims")
    assert names.index("claims") < names.index("papers") < names.index(yang) < names.index("contrasts")


def test_what_papers_ran_comes_first_where_nothing_else_was_run():
    names = [one.name for one in report_on([run for run in of_paper() if run.study == "yang2019"]).sections]
    assert names[0] == "papers"
    assert names[1].startswith("runs-mlp-on-digits")
    assert names[2:4] == ["claims", "contrasts"]


def test_documents_have_papers_behind_the_texts_and_no_counts_of_them(report):
    text = results_text(report)
    before, title, behind = text.partition("## What papers claim, and whether it shows in small")
    assert title
    assert "yang2019" not in before
    assert "| yang2019 | No variance of the initial weights removes it." in behind
    assert STUDIES["yang2019"].differs.split(";")[0] in behind
    assert verdicts_on_papers(report).startswith(f"of 1 papers {len(STUDIES['yang2019'].claims)} claims, ")
    assert verdicts_by_study(report).keys() == {n for n, study in STUDIES.items() if study.kind == "text"}


def test_the_short_form_shows_what_was_answered(report):
    papers = section(short_form(report), "papers")
    assert [row[0].text for row in papers.tables[0].rows] == ["yang2019-variance"]


def test_growth_of_gradients_is_that_of_a_power_whatever_the_depth():
    for layers in (4, 20, 40):
        assert reading_of("gradient_growth", deep_run(layers=layers)) == pytest.approx(FACTOR)
    wide = reading_of("gradient_range", deep_run(layers=20))
    assert wide == pytest.approx(18 * math.log10(FACTOR))
    assert reading_of("gradient_growth", made_run("yang2019", 1, 0.1, DATA)) is None  # another probe
    lost = deep_run()
    lost.epochs[0]["gradients"]["fc/dense3"]["gradient_norm"] = None
    assert reading_of("gradient_growth", lost) is None


def probed(probe, *sites):
    """A run with what a probe recorded of sites, the last one behind all others."""
    run = made_run("yang2019", 1, 0.1, DATA)
    run.epochs[0][probe] = {f"fc/dense{number}": of for number, of in enumerate(sites, start=1)}
    return run


def test_features_are_read_at_the_last_site():
    ranks = [
        {"effective_rank": rank, "possible_rank": 32, "orthogonality_gap": 1 / rank} for rank in (8.0, 4.0)
    ]
    assert reading_of("last_rank", probed("rank", *ranks)) == 4
    assert reading_of("last_gap", probed("rank", *ranks)) == 0.25
    assert reading_of("last_rank", probed("rank", {**ranks[0], "effective_rank": None})) is None


def test_a_network_is_born_dead_where_a_whole_layer_is_silent():
    alive, dead = {"silent": 1, "units": 2, "flat": 0}, {"silent": 2, "units": 2, "flat": 0}
    assert reading_of("born_dead", probed("dying", alive, alive)) == 0
    assert reading_of("born_dead", probed("dying", alive, dead, alive)) == 100
    assert reading_of("born_dead", probed("dying")) is None


def test_sums_are_read_as_shares_and_factors():
    sums = [{"branch_variance": b, "shortcut_variance": s} for b, s in ((1.0, 1.0), (7.0, 1.0), (1.0, 3.0))]
    run = probed("branches", *sums)
    assert reading_of("branch_share", run) == 25
    assert reading_of("sum_growth", run) == pytest.approx((2 * 8 * 4 / 3) ** (1 / 3))
    assert reading_of("sum_growth", probed("branches")) is None
    assert reading_of("last_gradient", deep_run(10.0)) == pytest.approx(1)


@pytest.mark.parametrize("name", READINGS)
def test_every_reading_has_a_form_and_bounds_for_its_unit(name):
    reading = READINGS[name]
    assert f"{0.5:{reading.form(difference=True)}}".startswith("+")
    assert possible(Estimate(1.0, 0.5, 1.5, 5), reading.unit).mean == 1
