"""Convolutions as machine code that is made for one shape, and called by XLA on the CPU."""
