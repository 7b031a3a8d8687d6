"""Tables that are cards on a narrow screen."""

from __future__ import annotations

from streamlit.dataframe_util import convert_arrow_bytes_to_pandas_df
from streamlit.testing.v1 import AppTest


def _reading() -> None:
    import streamlit as st

    from pages.components import table

    rows = [{"name": f"<b>network {i}</b>", "flops": 49_246_208, "steps": 1234.0, "share": 12.345, "gone": 1,
             "curve": [1.0, 2.0], "images": "data:image/png;base64,AA==", "ok": True, "nothing": None}
            for i in range(103)]
    config = {
        "name": "Network", "flops": st.column_config.NumberColumn("FLOPs", format="compact"), "gone": None,
        "steps": st.column_config.NumberColumn("Steps", format="localized"),
        "share": st.column_config.NumberColumn("Share", format="%.1f %%"),
        "curve": st.column_config.LineChartColumn("Curve"), "images": st.column_config.ImageColumn("Images"),
    }
    table.dataframe(rows, column_config=config)


def _choosing() -> None:
    import streamlit as st

    from pages.components import table

    rows = [{"run": f"run {i} **", "state": "done", "id": i} for i in range(20)]
    st.write(f"chosen {table.choosable(rows, key='runs', card=['run', 'state'])}")


def test_a_card_has_the_first_column_as_its_title_and_says_each_cell_as_its_column_does() -> None:
    app = AppTest.from_function(_reading, default_timeout=60).run()
    assert not app.exception
    assert len(app.dataframe[0].value) == 103
    html = app.get("html")[0].proto.body
    first = html.partition("</article>")[0]
    assert "<p>&lt;b&gt;network 0&lt;/b&gt;</p>" in first
    assert "<dt>FLOPs</dt><dd>49.2 M</dd><dt>Steps</dt><dd>1,234</dd><dt>Share</dt><dd>12.3 %</dd>" in first
    assert '<dt>Images</dt><dd><img src="data:image/png;base64,AA==" alt=""></dd><dt>ok</dt><dd>yes</dd>' in first
    assert all(name not in first for name in ("gone", "Curve", "nothing"))


def test_of_many_rows_a_narrow_screen_shows_the_first_cards_and_folds_the_others() -> None:
    html = AppTest.from_function(_reading, default_timeout=60).run().get("html")[0].proto.body
    before, folded, after = html.partition("<summary>Show all 103</summary>")
    assert folded
    assert (before.count("<article>"), after.count("<article>")) == (8, 92)
    assert "3 more rows on a wider screen." in after


def test_rows_are_ticked_in_the_table_or_on_cards_and_stay_ticked_on_another_page_of_cards() -> None:
    app = AppTest.from_function(_choosing, default_timeout=60).run()
    assert [box.label for box in app.checkbox][:1] == [r"**run 0 \*\***"]
    assert "<dt>id</dt>" not in app.get("html")[0].proto.body
    app.checkbox[2].check().run()
    app.session_state["runs"] = {"selection": {"rows": [0], "columns": [], "cells": []}}
    app.run()
    assert app.markdown[-1].value == "chosen [0, 2]"
    app.session_state["runs-page"] = 3
    app.run()
    assert len(app.checkbox) == 4
    app.checkbox[3].check().run()
    assert app.markdown[-1].value == "chosen [0, 2, 19]"
    app.session_state["runs-page"] = 1
    app.run()
    app.checkbox[2].uncheck().run()
    assert app.markdown[-1].value == "chosen [0, 19]"


def test_large_numbers_are_told_in_the_wide_table_as_on_the_cards_and_stay_numbers() -> None:
    app = AppTest.from_function(_reading, default_timeout=60).run()
    shown = app.dataframe[0]
    assert shown.value["flops"].tolist()[:2] == [49_246_208] * 2
    assert '"format": "compact"' not in shown.proto.columns
    words = convert_arrow_bytes_to_pandas_df(shown.proto.arrow_data.styler.display_values)
    assert words["flops"][0] == "49.2 M"
    assert words["images"][0] == words["curve"][0] == words["gone"][0] == "", "pictures are not sent twice"
