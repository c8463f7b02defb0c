"""Where a run starts: at its newest valid checkpoint, or anew."""

import jax

from bnjax.files import remove_unfinished
from bnjax.process.bar import say
from bnjax.runs.checkpoints import checkpoint
from bnjax.runs.checkpoints.device_groups import check_groups
from bnjax.runs.hosts import ALONE, Hosts
from bnjax.runs.recording.recorder import Recorder
from bnjax.runs.training import Run


def take_up(run: Run, recorder: Recorder, last: int | None = None, hosts: Hosts = ALONE) -> None:
    """Resumes from the newest valid checkpoint; otherwise removes what is left of an earlier attempt.

    Args:
      last: later checkpoints than that of this step are not used.
      hosts: the first of several reads, and sends the others what it has read.

    Raises:
      ConfigError: its norms took the statistics of groups of another size.
    """
    folder = recorder.path.parent
    saved = hosts.of_first(_saved(run, recorder, last) if hosts.first else None)
    restored = saved is not None and checkpoint.restore(saved, run)
    if not hosts.first:
        return
    if restored:
        recorder.go_on_after(run.epochs)
        _tell_going_on(run, recorder.run_id)
        return
    if saved:
        say(f"run {recorder.run_id}: starts anew, its checkpoint is of another program")
    checkpoint.remove(checkpoint.checkpoints(folder))


def _saved(run: Run, recorder: Recorder, last: int | None) -> checkpoint.Saved | None:
    folder = recorder.path.parent
    remove_unfinished(folder)
    if not run.config.resume or run.config.overwrite or not recorder.path.exists():
        return None
    saved = checkpoint.load_newest(folder, last)
    if saved:
        check_groups(run.config, jax.device_count())
    return saved


def _tell_going_on(run: Run, run_id: str) -> None:
    ended, begun = len(run.epochs), run.underway.steps
    inside = f" and {begun} steps of the next" if begun else ""
    movie = "; its movie lacks them" if any(len(movie.frames) < ended for movie in run.movies) else ""
    say(f"run {run_id}: goes on after epoch {ended}{inside}{movie}")
