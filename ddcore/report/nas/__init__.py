"""Architecture search: how well a small set ranks networks, what it chooses, and what that cost."""
