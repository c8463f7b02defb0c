"""Learning: optimizer, state, mesh, step, evaluation, the loop around them, and its start from a config."""
