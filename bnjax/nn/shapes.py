"""Shapes that many layers share, as types: what jaxtyping writes in brackets binds one size to each name."""

from jax import Array
from jaxtyping import Float

#: What a unit takes and gives: positions are height and width, or tokens, or none behind a dense layer.
Features = Float[Array, "batch *positions features"]
#: A number for each feature.
PerFeature = Float[Array, " features"]
#: Feature maps.
Maps = Float[Array, "batch height width channels"]
#: What a transformer takes and gives.
Tokens = Float[Array, "batch tokens features"]
