"""Rules about the whole network: gradients over depth, features, curvature, inputs of norms, divergence."""

from bnjax.diagnosis.rule import History, Rule, listed


def _diverged(history: History, threshold: float) -> list[str]:
    last = history.epochs[-1] if history.epochs else {}
    if last.get("status") != "diverged":
        return []
    config = history.config
    norms = "" if config.parsed_placement().present_norms else ", and so do norms (--placement=all)"
    return [
        f"the loss was not finite in epoch {last['epoch']}; a smaller --learning_rate than "
        f"{config.learning_rate:g} helps{norms}"
    ]


DIVERGED = Rule(
    name="diverged",
    needs="status",
    threshold=1,
    means="epochs whose loss is not finite",
    source="Bjorck et al. 2018",
    find=_diverged,
)


def _exploding(history: History, threshold: float) -> list[str]:
    found = history.last("gradients") or {}
    norms = [(site, of["gradient_norm"]) for site, of in found.items() if of["gradient_norm"]]
    if len(norms) < 2:
        return []
    (first, low), (last, high) = norms[0], norms[-1]
    ratio = low / high
    if 1 / threshold < ratio < threshold:
        return []
    way = "explode" if ratio > 1 else "vanish"
    return [
        f"gradients {way} on their way down: that of {first} is {ratio:.2g} times as long as that of {last}"
    ]


EXPLODING = Rule(
    name="gradients",
    needs="gradients",
    threshold=100.0,
    means="norm of the gradient at the first site over that at the last, or the other way round",
    source="Yang et al. 2019",
    find=_exploding,
)


def _collapsed(history: History, threshold: float) -> list[str]:
    told = [
        f"{site} ({of['effective_rank']:.3g} of {of['possible_rank']})"
        for site, of in (history.last("rank") or {}).items()
        if of["effective_rank"] is not None and of["effective_rank"] < threshold < of["possible_rank"]
    ]
    if not told:
        return []
    return [f"images look alike inside: directions that a batch's features fill at {listed(told)}"]


COLLAPSED = Rule(
    name="rank",
    needs="rank",
    threshold=1.1,
    means="effective rank of a batch's features, below which they are called alike",
    source="Daneshmand et al. 2020",
    find=_collapsed,
)


def _sharp(history: History, threshold: float) -> list[str]:
    """Of gradient descent alone: Adam's steps are scaled, and stable elsewhere (Cohen et al. 2021)."""
    config, last = history.config, history.last("sharpness") or {}
    eigenvalue = last.get("largest_eigenvalue")
    if eigenvalue is None or config.optimizer != "sgd" or config.schedule != "constant":
        return []
    if not config.learning_rate:
        return []  # no step overshoots
    stable = 2 * (1 + config.momentum) / config.learning_rate
    if eigenvalue < threshold * stable:
        return []
    return [
        f"steps overshoot: the loss's sharpness is {eigenvalue:.3g}, and "
        f"--learning_rate={config.learning_rate:g} is stable up to {stable:.3g}; lower it"
    ]


SHARP = Rule(
    name="sharpness",
    needs="sharpness",
    threshold=1.5,
    means="largest eigenvalue of the Hessian over 2 (1 + momentum) / learning rate",
    source="Cohen et al. 2021",
    find=_sharp,
)


def _skewed(history: History, threshold: float) -> list[str]:
    told = [
        f"{site} ({of['norm_input_skew']:.2g})"
        for site, of in (history.last("activations") or {}).items()
        if (of["norm_input_skew"] or 0) >= threshold
    ]
    if not told:
        return []
    return [f"inputs of norms are skewed, so that mean and variance tell little of them: {listed(told)}"]


SKEWED = Rule(
    name="skew",
    needs="activations",
    threshold=2.0,
    means="skew of a norm's input, mean over units; 2 is that of an exponential distribution",
    source="Ioffe and Szegedy 2015, section 3.2",
    find=_skewed,
)
