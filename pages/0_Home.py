"""What this is, the first steps, what runs now, and what was found last."""

import streamlit as st

LEAD = """
Can **100 images** teach a network nearly as much as 60,000? Make such a set, watch it take shape, and judge it.
"""


def main() -> None:
    words, picture = st.columns([3, 2], gap="large", vertical_alignment="center")
    with words:
        st.title("Dataset distillation workbench", anchor=False)
        st.markdown(LEAD)
    from pages.components import home  # stores, jobs and tables take a moment to load: title and lead come first

    home.show(words, picture)


main()
