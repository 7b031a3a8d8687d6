"""The methods, one file each: distillation methods and coresets."""

from ddcore.methods.base import Method, MethodConfig, State, Task
from ddcore.registry import Registry

METHODS: Registry[Method] = Registry("method", "ddcore.methods", "METHOD")

__all__ = ["METHODS", "Method", "MethodConfig", "State", "Task"]
