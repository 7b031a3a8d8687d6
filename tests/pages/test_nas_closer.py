"""The closer look at one proxy: every section of every proxy is drawn, and a choice of section stays."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from tests.pages.conftest import words


def page() -> None:
    from ddcore.report.nas.answer import answer
    from pages.components.nas.answer import _closer
    from tests.report.studies import TRUE, each, proxy, search, whole

    equal = (*TRUE[:6], 0.97, 0.97)
    study = whole(proxy("random", each(*TRUE)), proxy("early", each(*equal)), true=each(*TRUE[:7]))
    _closer(answer(study), search())


def open_section(name: str, proxy: str) -> AppTest:
    app = AppTest.from_function(page)
    app.query_params |= {"closer": name, "closer-on": proxy}
    return app.run()


@pytest.mark.parametrize(
    ("section", "proxy", "said"),
    [
        ("Ranks", "random", "The network that this set picked is not among the 7 drawn for the comparison"),
        ("Ranks", "whole", "what the other rankings are compared with"),
        ("Accuracy and FLOPs", "random", "after training on this set"),
        ("Options", "random", "it takes 3 for each value of an option beyond its first"),
        ("Options", "early", "of 2 equally accurate ones that with the fewest FLOPs"),
        ("Leaderboard", "early", "8 of 8 networks tried"),
    ],
)
def test_every_section_is_drawn_by_the_address(section: str, proxy: str, said: str) -> None:
    app = open_section(section, proxy)
    assert not app.exception
    assert said in words(app)


def test_a_section_stays_when_the_whole_data_is_looked_at() -> None:
    app = open_section("Options", "random")
    on = app.segmented_control[0]
    on.set_value("whole").run()
    assert "The bold line is the first network. " in words(app)
    assert app.segmented_control(key="closer").value == "Options"
