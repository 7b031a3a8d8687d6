"""The engine of the dataset-distillation workbench. It never imports streamlit."""

__version__ = "0.1.0"
