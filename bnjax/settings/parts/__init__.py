"""The settings of a run by what they are about; :class:`bnjax.settings.config.Config` has all of them."""
