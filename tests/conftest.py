"""Settings that all tests share: no test depends on how fast the machine is."""

from hypothesis import settings

from browser import browser, visit  # noqa: F401 - fixtures

settings.register_profile("book", deadline=None)
settings.load_profile("book")
