"""How a set is judged: plans with controls, pooled statistics, what may stand as a proxy."""
