"""When a verdict falls: the data, epochs and seeds it takes, runs without spread or end, and chance."""

import dataclasses
import itertools

import numpy as np
import pytest

from bnjax.report.runs.readings import READINGS, reading_of
from bnjax.report.runs.recorded import RecordedRun
from bnjax.report.sections import claims
from bnjax.report.sections.answers import told_contrast
from bnjax.report.sections.claims import claims_section, overall_verdict
from bnjax.report.sections.contrasts import contrasts_section
from bnjax.report.verdicts.chance import Chance
from bnjax.report.verdicts.decision import Decision, decide
from bnjax.report.verdicts.judgement import Found, verdict_of_all
from bnjax.report.verdicts.shelf import Shelf, data_of_claim, judge_all
from bnjax.settings.canonical import resolve
from bnjax.stats import ANY_TIME, FOUR_LOOKS, Estimate, share_bound
from bnjax.studies import CLAIMS, recipe
from bnjax.studies.claim import Claim, Contrast, Data, level, minus

BN = {"with BN": {"placement": "dense"}, "without BN": {"placement": "none"}}
LOWER = minus("with BN", "without BN", "late_accuracy", "lower")
EPOCHS = 25
MNIST_DATA = {
    "version": "1",
    "encoding": "png",
    "name": "mnist",
    "image_shape": [28, 28, 1],
    "train_images": 60000,
    "classes": 10,
}


def made_run(study="mnist", epochs=EPOCHS, accuracy=0.98, data=MNIST_DATA, until="seeds", **settings):
    """A run in memory whose epochs are all alike; ``accuracy`` may be one for each."""
    config = resolve(dataclasses.replace(recipe(study, "published"), epochs=epochs, **settings))
    found = [accuracy] * epochs if np.isscalar(accuracy) else accuracy
    told = dict(status="ok", train_accuracy=0.99, train_loss=0.1, test_loss=0.1, seconds=2.0)
    told |= dict(train_batch_accuracy={"perfect": 0.75}, dying={"fc/dense1": {"flat": 0, "silent": 0}})
    records = [dict(told, epoch=number, test_accuracy=each) for number, each in enumerate(found, start=1)]
    run = {
        "config": {**dataclasses.asdict(config), "until": until},
        "data": data,
        "study": study,
        "started": "",
        "git_commit": None,
        "versions": {"jax": "1", "flax": "2"},
        "device": {"count": 1, "kind": "cpu"},
    }
    return RecordedRun(run, records, {"status": "done"})


def pairs(differences, offset=0, **more):
    """Runs with and without BN, whose accuracies differ by so many points."""
    for seed, difference in enumerate(differences, start=offset):
        yield made_run(placement="none", seed=seed, accuracy=0.9, **more)
        yield made_run(placement="dense", seed=seed, accuracy=0.9 + difference / 100, **more)


def made_claim(*contrasts, **more):
    return Claim(
        "made", "mnist", "here", "made up", BN, contrasts or (LOWER,), "bn-or-not", epochs=100, **more
    )


def judged(runs, claim=None):
    return Shelf(runs).judge(claim or made_claim(), "published")


@pytest.mark.parametrize(
    ("expected", "margin", "values", "verdict"),
    [
        ("lower", 0, [-1.0, -1.1, -0.9], "supported"),
        ("lower", 0, [1.0, 1.1, 0.9], "contradicted"),
        ("lower", 0, [-1.0, 1.1, -0.9], "open"),
        ("higher", 0, [1.0, 1.1, 0.9], "supported"),
        ("alike", 0.5, [0.0, 0.1, -0.1], "supported"),
        ("alike", 0.5, [1.0, 1.1, 0.9], "contradicted"),
        ("alike", 0.5, [0.4, 0.5, 0.6], "open"),
        ("not lower", 0.5, [-0.1, 0.0, 0.1], "supported"),
        ("not lower", 0.5, [9.0, 9.1, 8.9], "supported"),
        ("not lower", 0.5, [-9.0, -9.1, -8.9], "contradicted"),
        ("not higher", 0.5, [9.0, 9.1, 8.9], "contradicted"),
        ("lower", 0, [-1.0], "open"),  # one seed decides nothing
        ("lower", 0, [], "not run"),
    ],
)
def test_decisions(expected, margin, values, verdict):
    assert (
        decide(Contrast("made", {"a": 1.0}, "final_loss", expected, margin=margin), values).verdict == verdict
    )


def test_many_contrasts_make_it_no_easier_to_contradict():
    """0.3, 0.5, 0.4, 0.1: t = 3.81, p = 0.032, which is not below 0.05 / 11."""
    contrast = Contrast("made", {"a": 1.0}, "final_loss", "lower")
    assert decide(contrast, [0.3, 0.5, 0.4, 0.1]).verdict == "contradicted"
    assert decide(contrast, [0.3, 0.5, 0.4, 0.1], comparisons=11).verdict == "open"
    assert decide(contrast, [-0.3, -0.5, -0.4, -0.1], comparisons=11).verdict == "supported"


def test_an_open_question_says_how_many_seeds_it_takes():
    """The deviation is 1, the distance 0.5: at 18 seeds t has a half width of 0.497, at 17 one of 0.514."""
    values = [0.5 + 1 / 2**0.5, 0.5 - 1 / 2**0.5]
    found = decide(Contrast("made", {"a": 1.0}, "final_loss", "higher"), values)
    assert (found.verdict, found.seeds) == ("open", 18)
    assert found.why == "about 18 seeds would decide"
    fewer = decide(Contrast("made", {"a": 1.0}, "final_loss", "higher"), [5.0, 5.1], least_seeds=5)
    assert (fewer.verdict, fewer.why, fewer.seeds) == ("open", "2 of 5 seeds", 5)


@pytest.mark.parametrize(("n", "verdict"), [(2, "open"), (5, "open"), (58, "open"), (59, "supported")])
def test_values_without_spread_bound_a_share(n, verdict):
    nothing = Contrast("made", {"a": 1.0}, "most_flat", "alike", margin=0.5)
    found = decide(nothing, [0.0] * n)
    assert (found.verdict, found.ours.low) == (verdict, None)
    assert f"at most {share_bound(n):.0%} of runs are otherwise" in (
        found.why or "at most 5% of runs are otherwise"
    )
    other = decide(nothing, [3.0] * n)
    assert other.verdict == ("contradicted" if verdict == "supported" else "open")
    rounded = [0.1 + 0.2 - 0.3, 0.0] * n  # 5.6e-17 is rounding
    assert decide(nothing, rounded[: 2 * (n // 2)]).ours.low is None


def test_levels_of_accuracy_stay_within_the_possible():
    """Of 94 and 99.9 Student's interval would reach 134; 98 +- 0.5 is asked on the scale of logits."""
    about = level("with BN", "late_accuracy", "alike", 98.0, margin=0.5)
    wide = decide(about, [94.0, 99.9], percent=True)
    assert 0 < wide.ours.low < wide.ours.mean < wide.ours.high < 100
    assert decide(about, [98.0, 98.1, 97.9, 98.05], percent=True).verdict == "supported"
    assert decide(about, [90.0, 90.1, 89.9, 90.05], percent=True).verdict == "contradicted"
    assert decide(about, [100.0, 100.0, 99.0], percent=True).ours.high <= 100


def test_the_verdict_of_several_contrasts():
    def of_all(*verdicts):
        return verdict_of_all([Found(LOWER, Decision(verdict, f"why {verdict}")) for verdict in verdicts])

    assert of_all("supported", "supported") == ("supported", "")
    assert of_all("supported", "contradicted", "not run") == ("contradicted", "")
    assert of_all("supported", "open")[0] == "open"
    assert of_all("supported", "not run")[0] == "open"
    assert "1 of 2 contrasts not run" in of_all("supported", "not run")[1]
    assert of_all("supported", "cannot tell")[0] == "cannot tell"
    assert of_all("not run", "not run") == ("not run", "")
    assert of_all() == ("not run", "")


DIFFERENCES = [-1.0, -1.1, -0.9, -1.05, -0.95]


def test_other_data_is_answered_apart_and_never_counted():
    digits = {**MNIST_DATA, "name": "digits", "train_images": 1000}
    runs = [*pairs(DIFFERENCES, data=digits, epochs=100), *pairs([2.0, 2.1, 1.9, 2.2, 1.8])]
    first, second = judged(runs)
    assert (first.on_its_data, first.verdict) == (True, "contradicted")
    assert (second.on_its_data, second.verdict) == (False, "supported")
    [alone] = judged(pairs(DIFFERENCES, data=digits, epochs=100))
    assert overall_verdict([alone]) == ("not run", "")
    rows = claims_section(judge_all([made_claim()], pairs(DIFFERENCES, data=digits))).tables[0].rows
    assert rows[0][2].text == "not run"
    assert "published: supported, -1.00 points" in next(c.text for c in rows[0] if "digits" in c.text)


def test_a_part_of_the_data_is_other_data():
    part = {**MNIST_DATA, "train_images": 500}
    assert not judged(pairs(DIFFERENCES, data=part, train_images=500))[0].on_its_data
    few = made_claim(data=Data("few", (), images=(100, 1000)))
    assert judged(pairs(DIFFERENCES, data=part, train_images=500), few)[0].on_its_data
    assert not judged(pairs(DIFFERENCES), few)[0].on_its_data
    large = made_claim(data=Data("large", ("mnist",), image_size=64))
    assert not judged(pairs(DIFFERENCES), large)[0].on_its_data


def test_too_few_epochs_cannot_tell():
    [short] = judged(pairs(DIFFERENCES, epochs=24))
    assert (short.verdict, short.why) == ("cannot tell", "24 of the published 100 epochs; it takes 25")
    assert judged(pairs(DIFFERENCES, epochs=25))[0].verdict == "supported"


def test_a_longer_run_that_answers_counts_before_a_shorter_one():
    first, _ = judged([*pairs(DIFFERENCES, epochs=50), *pairs([1.0, 1.1, 0.9, 1.2, 0.8], epochs=30)])
    assert first.setting.endswith("50 epochs")


@pytest.mark.parametrize(
    "name",
    [
        name
        for name, one in READINGS.items()
        if one.least_epochs > 1 and not any(other in one.label for other in ("--probes", "fresh"))
    ],
)
def test_readings_that_are_the_same_whatever_happens_have_no_value(name):
    least = READINGS[name].least_epochs
    data = dict(MNIST_DATA, classes=10)
    assert reading_of(name, made_run(epochs=least - 1, data=data)) is None
    assert reading_of(name, made_run(epochs=least, data=data)) is not None


@pytest.mark.parametrize("name", READINGS)
def test_every_reading_can_be_written(name):
    """Those that few runs have too, such as the skew of a norm's inputs."""
    runs = pairs(DIFFERENCES)
    claim = made_claim(level("with BN", name, "higher"), minus("with BN", "without BN", name, "higher"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(READINGS, name, READINGS[name]._replace(read=lambda run: 1 + run.config.seed / 8))
        judged_all = judge_all([claim], runs)
    table = contrasts_section(judged_all).tables[0]
    [shown, difference] = (row[table.columns.index("ours")].text for row in table.rows)
    assert float(shown) == pytest.approx(1.25, abs=0.06)
    assert (float(difference), difference[0]) == (0, "+")
    assert claims_section(judged_all)


def test_one_epoch_and_two_seeds_of_noise_decide_nothing():
    """Every claim of every text, on its own data, with every condition that it asks for."""
    random = np.random.default_rng(0)
    for claim in CLAIMS:
        conditions = {name for contrast in claim.contrasts for name in contrast.weights}
        data = data_of_claim(claim)
        facts = {
            "name": (*data.names, "made")[0],
            "image_shape": [300, 300, 3],
            "classes": 10,
            "train_images": 600,
        }
        runs = [
            made_run(
                claim.tested_by, 1, random.normal(0.5, 0.01), facts, seed=seed, **claim.conditions[condition]
            )
            for seed, condition in itertools.product(range(2), sorted(conditions))
        ]
        for judgement in Shelf(runs).judge(claim, "published"):
            assert judgement.verdict in ("open", "cannot tell", "not run"), claim.name


def test_diverged_runs_count_as_the_worst_where_something_is():
    """Ten references diverged beside five whole pairs; of accuracies 0 is the worst, of losses nothing."""
    whole = list(pairs(DIFFERENCES))
    lost = list(pairs([0.0] * 10, offset=5))
    cut = [
        dataclasses.replace(run, epochs=run.epochs[:3], summary={"status": "diverged"})
        if run.config.placement == "dr"
        else run
        for run in lost
    ]
    [judgement] = judged([*whole, *cut])
    assert judgement.found[0].estimate.n == 15
    assert judgement.verdict == "contradicted"  # nothing is worse than a reference without any accuracy
    loss = minus("with BN", "without BN", "final_loss", "not higher", margin=1.0)
    [judgement] = judged([*whole, *cut], made_claim(loss))
    assert (judgement.verdict, judgement.why) == (
        "open",
        "10 seeds diverged, and no value of this reading is worst",
    )


def test_unfinished_seeds_keep_a_claim_open():
    cut = [
        dataclasses.replace(run, epochs=run.epochs[:3], summary=None) for run in pairs([0.0] * 2, offset=5)
    ]
    [judgement] = judged([*pairs(DIFFERENCES), *cut])
    assert (judgement.verdict, judgement.why) == ("open", "2 seeds not finished")
    assert judgement.found[0].estimate.n == 5


def test_contrasts_are_read_through_fresh_statistics_too():
    """With BN running statistics lag by 10 points; without norms there are none."""
    runs = []
    for run in pairs([-10.0, -11.0, -9.0, -10.5, -9.5]):
        lag = 0.11 if run.config.placement != "dr" else None
        epochs = [
            {**epoch, "test_loss_fresh": lag, "test_accuracy_fresh": lag and epoch["test_accuracy"] + lag}
            for epoch in run.epochs
        ]
        runs.append(dataclasses.replace(run, epochs=epochs))
    [found] = judged(runs)[0].found
    assert (found.verdict, found.fresh.verdict) == ("supported", "contradicted")
    assert found.fresh.ours.mean == pytest.approx(1.0)
    section = contrasts_section(judge_all([made_claim()], runs))
    [row] = section.tables[1].rows
    told = dict(zip(section.tables[1].columns, row, strict=True))
    assert told["through fresh statistics"].text.startswith("+1.00 [")
    assert told["verdict through them"].text == "contradicted"
    assert judged(pairs(DIFFERENCES))[0].found[0].fresh is None


def test_runs_made_until_decided_have_the_interval_that_holds_at_any_time():
    [fixed], [grown] = judged(pairs(DIFFERENCES)), judged(pairs(DIFFERENCES, until="decided"))
    assert grown.interval is ANY_TIME
    assert fixed.found[0].estimate.low > grown.found[0].estimate.low
    section = claims_section(judge_all([made_claim()], pairs(DIFFERENCES, until="decided")))
    assert "n = 5*, asked: lower than 0" in section.tables[0].rows[0][3].text
    assert any("holds for a number of seeds that was fixed" in text for text in section.paragraphs)


def test_runs_made_until_looks_are_judged_at_their_last_look():
    grown = [*pairs([-1.0, 0.5, -1.2, 0.3, -0.9], until="looks"), *pairs([5.0, 5.0], 5, until="looks")]
    [judgement] = judged(grown)
    assert judgement.interval is FOUR_LOOKS
    assert (judgement.verdict, judgement.found[0].estimate.n) == ("open", 5)
    assert judgement.found[0].decision.seeds in FOUR_LOOKS.looks
    decision = decide(LOWER, [-1.0, 1.0] * 15, interval=FOUR_LOOKS)
    assert (decision.verdict, decision.seeds) == ("open", None)
    assert decision.why == "the last look, at 30 seeds, does not decide"
    assert decide(LOWER, [-1.0, 0.9] * 5, interval=FOUR_LOOKS).seeds == 30  # the estimate may be too many
    assert judged(pairs(DIFFERENCES, until="looks"))[0].verdict == "supported"


def test_a_card_says_in_words_which_condition_is_higher():
    """Codes say where their norms are; what lies below is named second, so that numbers are positive."""
    code, plain = "cBrcr-crcr-drdBr", "crcr-crcr-drdr"
    conditions = {name: {"placement": name} for name in (code, plain, "cBrcBr-crcr-dBrdr")}
    [judgement] = judged(pairs(DIFFERENCES), made_claim())
    claim = dataclasses.replace(judgement.claim, conditions=conditions, run_by="vgg7")
    judgement = dataclasses.replace(judgement, claim=claim)
    apart = "and “no norms” are not told apart, +1.0000 nats"
    for made, told in [
        (Estimate(1.0, 0.5, 1.5, 5), "is above “no norms” by 1.0000 nats [0.5000, 1.5000], n = 5"),
        (Estimate(1.0, -0.5, 2.5, 5), f"{apart} [-0.5000, 2.5000], n = 5"),
        (Estimate(1.0, None, None, 1), f"{apart} (one seed, no interval)"),
    ]:
        sentence = told_contrast(minus(code, plain, "final_loss", "lower"), made, judgement)
        assert sentence == f"final test loss: “norms at block1/conv1 and fc/dense2” {told}"
    many = minus("cBrcBr-crcr-dBrdr", plain, "final_loss", "lower")
    assert told_contrast(many, Estimate(-1, -2, -0.5, 5), judgement) == (
        "final test loss: “no norms” is above “cBrcBr-crcr-dBrdr” by 1.0000 nats [0.5000, 2.0000], n = 5"
    )
    alone = told_contrast(level(plain, "final_loss", "lower"), Estimate(0.1, -0.1, 0.3, 5), judgement)
    assert alone == "final test loss, “no norms”: 0.1000 nats [0.0000, 0.3000], n = 5"


@pytest.mark.parametrize(("among_all", "mark"), [(0.04, " †"), (0.06, "")])
def test_verdicts_that_survive_correction_are_marked(monkeypatch, among_all, mark):
    corrected = {("made", "published"): among_all}
    monkeypatch.setattr(claims, "chance", lambda judged_all: Chance(2, 0.1, corrected))
    table = claims_section(judge_all([made_claim()], pairs(DIFFERENCES))).tables[0]
    [row] = table.rows
    told = dict(zip(table.columns, [cell.text for cell in row], strict=True))
    assert (told["verdict, published"], told["data"]) == ("supported", "mnist")
    assert told["ours, published"].endswith(f"epochs{mark}")


def test_what_is_missing_and_how_long_it_takes_is_said():
    [judgement] = judged(pairs([-1.0, 1.0, -1.0, 0.0, -1.0]))
    [found] = judgement.found
    assert judgement.verdict == "open"
    assert judgement.seconds_to_decide == 2 * (found.decision.seeds - 5) * EPOCHS * 2.0


def test_no_contrast_is_counted_as_two_claims():
    """The same difference, up to its sign, held against the same limits."""
    seen: dict[tuple, str] = {}
    for claim in CLAIMS:
        base = recipe(claim.tested_by, "published")
        for contrast in claim.contrasts:
            sides = [
                frozenset(
                    (resolve(dataclasses.replace(base, **claim.conditions[name])), sign * weight)
                    for name, weight in contrast.weights.items()
                )
                for sign in (1, -1)
            ]
            asked = (contrast.reading, contrast.expected, contrast.against, contrast.margin)
            where = data_of_claim(claim)
            key = (sides[0], asked, where)
            flipped = (
                sides[1],
                (asked[0], {"lower": "higher", "higher": "lower"}.get(asked[1]), *asked[2:]),
                where,
            )
            for one in (key, flipped):
                assert seen.get(one, claim.name) == claim.name, (claim.name, contrast.name)
            seen[key] = claim.name
