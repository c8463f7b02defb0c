"""The state of a run that is under way, on disk: what is saved, when, and where a run goes on."""
