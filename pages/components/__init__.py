"""What the pages share: frame, form, live progress, image grids, evaluation."""
