"""Weights that Keras has written, and those of earlier runs."""

from bnjax.settings.fields import WeightsError
from bnjax.weights.kept import keep_variables, read_run_weights
from bnjax.weights.keras import read_keras_weights

__all__ = ["WeightsError", "keep_variables", "read_keras_weights", "read_run_weights"]
