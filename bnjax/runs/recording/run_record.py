"""What a ``run`` record tells of where its numbers come from."""

import dataclasses
import datetime
import importlib.metadata
import os
import platform
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax

import bnjax
from bnjax.nn.unit import parameter_count
from bnjax.runs.training import Run, used_variables
from bnjax.settings.finetuning import precomputed_block
from bnjax.train.partition import trained_count

#: Variables by which JAX's users change its numbers.
_CHANGE_RESULTS = (
    "JAX_ENABLE_X64",
    "JAX_DEFAULT_MATMUL_PRECISION",
    "JAX_DEFAULT_PRNG_IMPL",
    "JAX_THREEFRY_PARTITIONABLE",
    "JAX_NUMPY_DTYPE_PROMOTION",
)
_PACKAGES = ("bnjax", "jax", "jaxlib", "flax", "optax", "numpy", "llvmlite", "tensorflow-datasets", "pillow")


def run_facts(run: Run, lanes: int = 0) -> dict[str, Any]:
    """The fields of the ``run`` record.

    Args:
      lanes: how many runs train side by side in its program; 0 for one that trains by itself.
    """
    config = dataclasses.asdict(run.config)
    kernels = "xla" if lanes else run.model.kernels  # under vmap all convolutions are XLA's
    return {
        "study": config.pop("study"),
        "config": config,
        "data": {**run.dataset.facts, "trained_per_epoch": _trained_per_epoch(run)},
        "sites": run.model.parsed_placement.as_dict(),
        "parameters": trained_count(used_variables(run)[0], run.model),
        "program": {"gated": run.model.gated, "lanes": max(lanes, 1), "kernels": kernels},
        "versions": versions(_PACKAGES),
        "device": _device(),
        "git_commit": git_commit(),
        "started": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }


def _trained_per_epoch(run: Run) -> int:
    """Images that an epoch trains on: those of whole batches, or all where statistics are pooled."""
    if run.config.trains_on_rest:
        return len(run.dataset.train)
    return run.steps_per_epoch * run.config.batch_size


def frozen_words(run: Run) -> str:
    """What is said of a run that does not train everything; empty for one that does."""
    params = used_variables(run)[0]
    trained, every = trained_count(params, run.model), parameter_count(params)
    if trained == every:
        return ""
    block = precomputed_block(run.config)
    once = f"; what the blocks up to {block} make of the images is computed once" if block else ""
    return f"{trained:,} of {every:,} parameters are trained{once}"


def versions(packages: Sequence[str]) -> dict[str, str]:
    """Python's version and those of packages; ``not installed`` where one is missing."""
    installed = {"python": platform.python_version()}
    for package in packages:
        try:
            installed[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            installed[package] = "not installed"
    return installed


def _device() -> dict[str, Any]:
    devices = jax.devices()
    several = {"processes": jax.process_count()} if jax.process_count() > 1 else {}
    return {
        "platform": devices[0].platform,
        "kind": devices[0].device_kind,
        "count": len(devices),
        **several,
        "cpu_cores": os.cpu_count(),
        "machine": platform.machine(),
        "xla_flags": os.environ.get("XLA_FLAGS", ""),
        "jax_settings": {name: os.environ[name] for name in _CHANGE_RESULTS if name in os.environ},
    }


def git_commit() -> str | None:
    """The commit of the bnjax checkout, ``-dirty`` where files differ from it; None outside a checkout."""
    folder = Path(bnjax.__file__).resolve().parents[1]  # not by this file's place, which moves
    if not (folder / ".git").exists():
        return None
    try:
        options = {"cwd": folder, "capture_output": True, "text": True, "timeout": 10, "check": True}
        described = subprocess.run(["git", "describe", "--always", "--dirty", "--abbrev=40"], **options)  # type: ignore[call-overload]
    except (OSError, subprocess.SubprocessError):
        return None
    return described.stdout.strip()
