"""Pure functions of a state and a batch: training, lanes, evaluation, fresh statistics, probes."""
