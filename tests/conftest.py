"""What holds for all tests."""

from hypothesis import settings

# Two cores are shared with other work: how long an example takes says nothing about the code.
settings.register_profile("lynceus", deadline=None)
settings.load_profile("lynceus")
