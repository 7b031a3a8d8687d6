"""From runs to what people read: tables, figures, estimates. No torch, no Streamlit."""
