"""Each rule on made records: where it speaks, and where it does not."""

import pytest

from bnjax.diagnosis import RULES, History, diagnosed, not_looked_at
from bnjax.settings.canonical import resolve
from bnjax.settings.config import Config


def history(*epochs, **settings):
    numbered = [dict(epoch=number, status="ok") | fields for number, fields in enumerate(epochs, start=1)]
    return History(resolve(Config(**settings)), numbered)


def words_of(rule, *epochs, **settings):
    return [found.words for found in RULES[rule].findings(history(*epochs, **settings))]


def accuracies(running, fresh):
    return dict(test_accuracy=running, test_accuracy_fresh=fresh)


def test_evaluation_that_lags():
    [line] = words_of("lag", accuracies(0.52, 0.71), placement="all")
    assert line == (
        "evaluation lags: fresh statistics give 71.0% test accuracy where running ones give 52.0%, with the "
        "same weights; lower --norm_momentum (it is 0.99) or train for more --epochs"
    )
    [line] = words_of("lag", accuracies(0.52, 0.71), placement="all", trained_norm_mode="frozen")
    assert "--norm_momentum" not in line  # nothing follows by it
    assert words_of("lag", accuracies(0.52, 0.71), accuracies(0.7, 0.71), placement="all") == []  # caught up
    assert words_of("lag", accuracies(0.71, 0.52), placement="all") == []
    assert words_of("lag", accuracies(0.52, None)) == words_of("lag") == []


def dying(silent, flat=0):
    return {"dying": {"block2/conv1": dict(silent=silent, flat=flat, units=64, active=0.5)}}


def test_silent_units_since_when():
    [line] = words_of("silent", dying(2), dying(20), dying(12), dying(13), dying(12))
    assert "12 of 64 of block2/conv1 since epoch 2; " in line
    assert line.endswith(
        "a smaller --learning_rate or --placement=all or --activation=leaky_relu keeps units alive"
    )
    done = dict(placement="all", activation="leaky_relu")
    assert words_of("silent", *3 * [dying(12)], **done)[0].endswith(
        "; a smaller --learning_rate keeps units alive"
    )
    assert words_of("silent", dying(2), dying(12), dying(12)) == []  # they may wake up
    assert words_of("silent", *3 * [dying(12, None)]) == []  # a frozen layer, which came so
    assert words_of("silent", *3 * [dying(12)], dying(6)) == []  # 6 of 64 is less than a tenth
    assert words_of("silent", dying(12), {"dying": {}}) == []
    assert words_of("silent", *3 * [dying(12)], {"dying": {}}) != []


def test_units_that_no_longer_move():
    [line] = words_of("flat", dying(0, 3), *3 * [dying(0, 32)])
    assert line == "units whose weights no longer move: 32 of 64 of block2/conv1 since epoch 2"
    assert words_of("flat", *3 * [dying(0, 32)], learning_rate=0) == []  # they were not meant to
    for healthy in (dying(0, None), dying(64, 3)):
        assert words_of("flat", *3 * [healthy]) == []


def test_many_sites_are_counted():
    of = dict(silent=8, flat=0, units=8, active=0.0)
    dead = {"dying": {f"block{number}/conv1": of for number in range(1, 7)}}
    [line] = words_of("silent", dead, dead, dead)
    assert "8 of 8 of block3/conv1 since epoch 1 and 3 more sites" in line


def shifted(ratio):
    return {"shift": {"fc/dense2": {"variance_shift": ratio}}}


def test_dropout_in_front_of_a_norm():
    [line] = words_of("shift", shifted(0.625), dropout=0.5)
    assert line.startswith(
        "dropout 0.5 in front of norms shifts their variance in evaluation: fc/dense2 (0.62"
    )
    [line] = words_of("shift", shifted(1.6))
    assert line == "evaluation meets other variances than training at the norms of fc/dense2 (1.6 times)"
    for ratio in (1.0, 0.81, 1.24, None):
        assert words_of("shift", shifted(ratio), dropout=0.5) == []


def calibrated(error, confidence, accuracy=0.7):
    found = dict(calibration_error=error, mean_confidence=confidence)
    return dict(calibration=found, test_accuracy=accuracy)


def test_answers_that_are_too_sure_or_too_unsure():
    [line] = words_of("calibration", calibrated(0.25, 0.95))
    assert line.startswith(
        "answers are surer than they are right: mean confidence 95.0%, test accuracy 70.0%"
    )
    [line] = words_of("calibration", calibrated(0.2, 0.5))
    assert line.startswith("answers are less sure")
    assert words_of("calibration", calibrated(0.09, 0.79)) == []
    assert words_of("calibration", calibrated(None, None)) == words_of("calibration", {}) == []


def test_a_loss_that_was_not_finite():
    [line] = words_of("diverged", {}, {"status": "diverged"}, learning_rate=0.5)
    assert line == (
        "the loss was not finite in epoch 2; a smaller --learning_rate than 0.5 helps, and so do norms "
        "(--placement=all)"
    )
    assert "--placement" not in words_of("diverged", {"status": "diverged"}, placement="all")[0]
    assert words_of("diverged", {}) == words_of("diverged") == []


def sloped(*norms):
    return {"gradients": {f"block{n}/conv1": dict(gradient_norm=norm, update_norm=1.0, kernel_norm=1.0)
                          for n, norm in enumerate(norms, start=1)}}  # fmt: skip


def test_gradients_that_explode_or_vanish():
    [line] = words_of("gradients", sloped(300.0, 50.0, 2.0))
    assert line.startswith(
        "gradients explode on their way down: that of block1/conv1 is 1.5e+02 times as long"
    )
    [line] = words_of("gradients", sloped(0.01, 0.5, 2.0))
    assert line.startswith("gradients vanish")
    deep = {f"fc/dense{n}": dict(gradient_norm=2.0**-n) for n in range(1, 13)}
    [line] = words_of("gradients", {"gradients": dict(sorted(deep.items()))}, model="mlp", hidden_layers=12)
    assert line.endswith("fc/dense1 is 2e+03 times as long as that of fc/dense12")
    assert words_of("gradients", sloped(300.0, 2.0), {"gradients": {}}) != []  # no look after the last epoch
    for norms in ((30.0, 2.0), (0.03, 2.0), (300.0,), (300.0, None), ()):
        assert words_of("gradients", sloped(*norms)) == []


def ranked(effective, possible=64):
    return {"rank": {"a": dict(effective_rank=effective, possible_rank=possible, orthogonality_gap=0.5)}}


def test_images_that_look_alike_inside():
    [line] = words_of("rank", ranked(1.05))
    assert line == "images look alike inside: directions that a batch's features fill at a (1.05 of 64)"
    for healthy in (ranked(1.2), ranked(1.0, 1), ranked(None)):
        assert words_of("rank", healthy) == []


def sharp(eigenvalue):
    return {"sharpness": {"largest_eigenvalue": eigenvalue}}


def test_steps_that_overshoot():
    """Gradient descent is stable up to 2 / rate, with momentum up to 2 (1 + momentum) / rate."""
    settings = dict(optimizer="sgd", learning_rate=0.1)
    [line] = words_of("sharpness", sharp(31.0), **settings)
    assert line == (
        "steps overshoot: the loss's sharpness is 31, and --learning_rate=0.1 is stable up to 20; lower it"
    )
    assert words_of("sharpness", sharp(29.0), **settings) == []
    heavy = dict(optimizer="momentum", momentum=0.9, learning_rate=0.1)
    assert words_of("sharpness", sharp(56.0), **heavy) == []
    assert len(words_of("sharpness", sharp(58.0), **heavy)) == 1
    for other in (dict(optimizer="adam"), settings | dict(schedule="cosine")):
        assert words_of("sharpness", sharp(1e9), **other) == []
    assert words_of("sharpness", sharp(None), **settings) == []


def skewed(skew):
    return {"activations": {"a": dict(norm_input_skew=skew)}}


def test_skewed_inputs_of_norms():
    [line] = words_of("skew", skewed(2.5))
    assert line.endswith("tell little of them: a (2.5)")
    assert words_of("skew", skewed(1.9)) == words_of("skew", skewed(None)) == []


def test_all_rules_speak_in_one_order_and_what_was_not_recorded_is_known():
    told = history(dying(12), dying(12), accuracies(0.5, 0.7) | dying(12), {"status": "diverged"})
    assert [found.rule for found in diagnosed(told)] == ["diverged", "lag", "silent"]
    unread = not_looked_at([told])
    assert unread == ["shift", "gradients", "rank", "sharpness", "calibration", "skew"]


@pytest.mark.parametrize("rule", RULES.values(), ids=list(RULES))
def test_a_rule_names_its_source_and_says_nothing_of_nothing(rule):
    assert rule.source
    assert rule.means
    assert rule.findings(history()) == []
