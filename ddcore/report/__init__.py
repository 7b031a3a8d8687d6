"""From runs to what people read: tables, figures, pictures, estimates. No torch, no Streamlit."""
