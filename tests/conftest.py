"""Being here puts this folder on the path: `reference` and `mqtt` are importable everywhere."""

from hypothesis import settings

settings.register_profile("chiplink", deadline=None)
settings.load_profile("chiplink")
