"""The flags of absl that libraries define for themselves."""

from absl import flags


def mark_as_parsed() -> None:
    """Lets a library read absl flags of its own that nobody was asked for: their defaults count."""
    if not flags.FLAGS.is_parsed():
        flags.FLAGS.mark_as_parsed()
