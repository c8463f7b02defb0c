"""What tests start."""

from pathlib import Path

EXPERIMENTS = Path(__file__).resolve().parents[1] / "experiments"
SCRIPT = EXPERIMENTS / "cifar10.py"
#: Seconds after which something counts as hung. At an eighteenth of the processors what takes 25 s took 400.
PATIENCE = 3600
