"""What tests start."""

from pathlib import Path

EXPERIMENTS = Path(__file__).resolve().parents[1] / "experiments"
SCRIPT = EXPERIMENTS / "cifar10.py"
