"""The settings of files: a part of :class:`bnjax.settings.config.Config`."""

from dataclasses import dataclass

from bnjax.settings.fields import Role, setting


@dataclass(frozen=True)
class FileSettings:
    """Where a run's files lie, and what becomes of those of earlier attempts."""

    study: str = setting(
        "",
        "The study that a run belongs to, for the report; each script sets its own.",
        group="files",
        role=Role.HOST,
        identity=False,
    )
    plugin: str = setting(
        "",
        "A Python file of your own that registers a network, a norm, a probe, a study or a set of images "
        "(bnjax/README.md has examples).",
        group="files",
        role=Role.HOST | Role.PLACE,
        identity=False,
    )
    plugin_digest: str = setting(
        "",
        "The first digits of the SHA-256 of --plugin, which are part of a run's name: found, or compared "
        "where they are given.",
        group="files",
        role=Role.DATA | Role.PROGRAM,
    )
    until: str = setting(
        "seeds",
        "seeds: makes as many as --seeds says. decided: adds more in rounds, cheapest open questions first, "
        "until every claim that compares these conditions is decided, or --hours or --most_seeds end; the "
        "same command goes on. The report then uses intervals that hold whenever one stops. looks: the same "
        "with looks at 5, 10, 20 and at most 30 seeds, which decides earlier.",
        group="runs",
        role=Role.HOST,
        choices=("seeds", "decided", "looks"),
        identity=False,
    )
    out_dir: str = setting(
        "runs",
        "Each run writes metrics.jsonl to a folder of its own below this one.",
        group="files",
        role=Role.HOST | Role.PLACE,
        identity=False,
    )
    overwrite: bool = setting(
        False, "Run again what has already finished.", group="files", role=Role.HOST, identity=False
    )
    resume: bool = setting(
        True,
        "Go on after the last checkpoint of an attempt that was cut; --noresume starts it anew.",
        group="files",
        role=Role.HOST,
        identity=False,
    )
    checkpoint_every: str = setting(
        "0",
        "Epochs between two checkpoints, or minutes (10min), which end within epochs too. 0: after each "
        "epoch, as far as writing them takes at most a twentieth of the time.",
        group="files",
        role=Role.HOST,
        identity=False,
    )
