"""Rules about evaluation: what it meets that training did not, and how sure its answers are."""

from bnjax.diagnosis.rule import History, Rule, listed
from bnjax.norm import NORMS
from bnjax.settings.config import Config
from bnjax.settings.finetuning import freezing


def norm_modes(config: Config) -> dict[str, str]:
    """Flag -> the mode of the norms with running statistics that it is about, where there are any."""
    frozen, placement = freezing(config), config.parsed_placement()
    if config.trained == "pooled-statistics":
        return {}
    norms = [
        site.name
        for site, norm in zip(placement.sites, placement.norms, strict=True)
        if norm and NORMS[norm].of_batch
    ]
    flags = ("norm_mode" if site in frozen.norms else "trained_norm_mode" for site in norms)
    return {flag: getattr(config, flag) for flag in flags}


def _lag(history: History, threshold: float) -> list[str]:
    config, running = history.config, history.last("test_accuracy") or 0.0
    fresh = history.last("test_accuracy_fresh")
    if fresh is None or fresh - running <= threshold:
        return []
    lag = (
        f"evaluation lags: fresh statistics give {fresh:.1%} test accuracy where running ones give "
        f"{running:.1%}, with the same weights"
    )
    if "train" not in norm_modes(config).values():
        return [lag]
    return [f"{lag}; lower --norm_momentum (it is {config.norm_momentum:g}) or train for more --epochs"]


LAG = Rule(
    name="lag",
    needs="test_accuracy_fresh",
    threshold=0.05,
    means="test accuracy through fresh statistics minus that through running ones",
    source="Wu and Johnson 2021",
    find=_lag,
)


def _shift(history: History, threshold: float) -> list[str]:
    ratios = {
        site: of["variance_shift"]
        for site, of in (history.last("shift") or {}).items()
        if of["variance_shift"] and not 1 / threshold < of["variance_shift"] < threshold
    }
    if not ratios:
        return []
    told = listed([f"{site} ({ratio:.2g} times)" for site, ratio in ratios.items()])
    dropout = history.config.dropout
    if not dropout:
        return [f"evaluation meets other variances than training at the norms of {told}"]
    return [
        f"dropout {dropout:g} in front of norms shifts their variance in evaluation: {told}; "
        "lower --dropout, or place no norm behind it"
    ]


SHIFT = Rule(
    name="shift",
    needs="shift",
    threshold=1.25,
    means="variance of a norm's input in evaluation over that in training, or the other way round",
    source="Li et al. 2018",
    find=_shift,
)


def _calibration(history: History, threshold: float) -> list[str]:
    found, accuracy = history.last("calibration") or {}, history.last("test_accuracy") or 0
    error, confidence = found.get("calibration_error"), found.get("mean_confidence")
    if error is None or confidence is None or error < threshold:
        return []
    told = f"mean confidence {confidence:.1%}, test accuracy {accuracy:.1%}, calibration error {error:.1%}"
    if confidence < accuracy:
        return [f"answers are less sure than they might be: {told}"]
    return [f"answers are surer than they are right: {told}; --label_smoothing or fewer --epochs temper them"]


CALIBRATION = Rule(
    name="calibration",
    needs="calibration",
    threshold=0.1,
    means="expected calibration error",
    source="Guo et al. 2017",
    find=_calibration,
)
