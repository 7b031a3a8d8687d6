"""What this is, the first steps, what runs now, and what was found last."""

import streamlit as st

LEAD = """
Can **100 images** teach a network nearly as much as 60,000? *Dataset distillation* makes a small synthetic set,
a few images per class, that trains a network almost as well as the whole data set. Here you make such sets,
watch them take shape, and see how good they are against honest controls.
"""


def main() -> None:
    st.title("Dataset distillation workbench", anchor=False)
    st.markdown(LEAD)
    from pages.components import home  # stores, jobs and tables take a moment to load: title and lead come first

    home.show()


main()
