"""One run, or several in lanes, from settings to a last record."""
