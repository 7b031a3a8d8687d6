"""What every click and every refresh costs the server: with many visitors that is what they wait for."""

from __future__ import annotations

from streamlit import config

from ddcore.home import PROJECT


def test_no_visitor_waits_until_all_objects_of_the_server_have_been_looked_through() -> None:
    assert config.get_config_options(force_reparse=True)["runner.postScriptGC"].where_defined == str(
        PROJECT / ".streamlit" / "config.toml")
    assert config.get_option("runner.postScriptGC") is False
