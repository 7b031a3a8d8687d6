"""What a run means, one file a kind."""

from ddcore.experiments.base import KINDS, Array, Command, ImageSet, Kind, Parent, Recorder, Spec, spec

__all__ = ["KINDS", "Array", "Command", "ImageSet", "Kind", "Parent", "Recorder", "Spec", "spec"]
