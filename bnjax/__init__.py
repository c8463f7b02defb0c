"""Where Batch Normalization should go, and what it does there: placements, training, diagnosis."""

__version__ = "0.1.0"
