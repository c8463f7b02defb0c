"""Results: reads records only, and imports no JAX."""
