"""How thoroughly properties are tried here: few examples, and no deadline, since a machine may be busy."""

from hypothesis import settings

few = settings(max_examples=25, deadline=None)
