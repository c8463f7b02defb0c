"""Weights that Keras has written, for networks that Keras has too."""

from bnjax.weights.hdf5 import WeightsError
from bnjax.weights.keras import read_keras_weights

__all__ = ["WeightsError", "read_keras_weights"]
