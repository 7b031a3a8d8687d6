"""The NAS page, one module a step: what is chosen, what it will take, how it stands, what it says, the winner."""
