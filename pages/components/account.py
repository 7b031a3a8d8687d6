"""Who looks, where many people share one workbench: found by their sign-in, told in the sidebar, else kept out.

Nobody is looked for where nobody hosts: whoever reaches the server is the machine's own user.
"""

import contextlib
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import streamlit as st
from streamlit.errors import StreamlitSecretNotFoundError
from streamlit.runtime.scriptrunner import get_script_run_ctx

from ddcore.errors import ConfigError
from ddcore.hosting import checks, identity, people, rights
from ddcore.hosting.people import MACHINE, NOBODY, Person, acting
from ddcore.hosting.settings import Settings, settings
from pages.components.markdown import plain

VISITOR = "Not signed in · may look"
_checked: list[Settings] = []  # those with which this process began to serve; none where nobody hosted it then
_lead_back = st.components.v2.component("ddcore-account", js=Path(__file__).with_suffix(".js").read_text("utf-8"))
_ended: dict[str, float] = {}  # sign-ins that were signed out, each with the time at which it would have expired


def begin() -> None:
    """Called once, before the server serves. Raises ConfigError with all that is wrong where it is hosted."""
    problems: list[str] = []
    try:
        hosted = settings()
    except ConfigError as error:
        hosted, problems = None, list(error.problems)
    if hosted is None and not problems:
        return
    options = {name: st.get_option(name) for name in checks.OPTIONS}
    try:
        auth = _auth()
    except StreamlitSecretNotFoundError as error:
        problems.append(f"{checks.SECRETS} cannot be read: {error}")
        auth = {}
    problems += checks.problems(hosted, options, auth, authlib=_has_authlib())
    if problems:
        raise ConfigError(problems)
    _checked[:] = [hosted] if hosted else []


def _auth() -> Mapping[str, Any] | None:
    """The section [auth] of the server's secrets; None without one."""
    try:
        section = st.secrets.to_dict().get("auth")
    except StreamlitSecretNotFoundError as error:
        if error.error_id != "no-secrets-found":
            raise
        return None
    return section if isinstance(section, Mapping) else None


def _has_authlib() -> bool:
    try:
        import authlib.integrations.starlette_client  # noqa: F401
    except ImportError:
        return False
    return True


def find() -> Person:
    """Who asked for what is being drawn or done: nobody where no visitor's page, callback or fragment is at work, where
    the settings cannot be read, or where they came after the server had begun, which nobody has checked then."""
    return _found(_claims())


def again() -> Callable[[], Person]:
    """A call that finds who looks now once more, where no visitor's page is at work: as what they are by then."""
    claims = _claims()
    return lambda: _found(claims)


def _claims() -> Mapping[str, Any] | None:
    """What vouches for whoever looks; None where nobody hosts the workbench, or no visitor's page is at work."""
    return st.user.to_dict() if _checked and get_script_run_ctx(suppress_warning=True) else None


def _found(claims: Mapping[str, Any] | None) -> Person:
    """Whom these claims name, by the settings as they are now."""
    try:
        hosted = settings()
    except ConfigError:
        return NOBODY
    if hosted is None:
        return NOBODY if _checked else MACHINE
    if claims is None:
        return NOBODY
    if hosted.people.sign_in == "headers":
        named = st.get_option("server.trustedUserHeaders").values()
        return identity.by_headers({name: claims.get(name) for name in named}, hosted.people)
    if identity.session(claims) in _ended:
        return identity.visitor(hosted.people)
    return identity.by_claims(claims, hosted.people, time.time())


def admitted() -> bool:
    """Whether whoever looks may look."""
    return rights.may("look")


def stop_strangers() -> None:
    """End the page here where whoever looks may not, as the wall; a fragment of somebody who was let in before asks for
    the whole page anew, which is that."""
    if admitted():
        return
    context = get_script_run_ctx(suppress_warning=True)
    if context and context.fragment_ids_this_run:
        st.rerun()
    wall()
    st.stop()


def line() -> None:
    """Who looks and as what, at the end of the sidebar, with the way out or in."""
    if (hosted := settings()) is None:
        return
    one = acting()
    with contextlib.suppress(OSError):  # the disk is full: their name is missing where others look at what is whose
        people.remember(one)
    with st.sidebar, st.container(key="account", gap="xsmall"):
        st.markdown(f"{plain(one.name)} · {one.role}" if one.signed_in else VISITOR, help=plain(one.email) or None)
        _way(one, hosted)


def wall() -> None:
    """In place of every page for whom nothing may be looked at."""
    _, middle, _ = st.columns([1, 2, 1])
    with middle:
        st.title("Dataset distillation workbench", anchor=False)
        one = acting()
        try:
            hosted = settings()
        except ConfigError:
            hosted = None
        if hosted is None or not _checked:
            st.markdown("Nobody is let in: the settings of this workbench are wrong, or were not there when it "
                        "started. Whoever looks after it mends them and starts it anew.")
        elif one.signed_in:
            email = f" ({plain(one.email)})" if one.email else ""
            st.markdown(f"You are signed in as **{plain(one.name)}**{email}, and nobody has given you a role here. "
                        "Those who run this workbench can.")
            _way(one, hosted)
        elif hosted.people.sign_in == "headers":
            st.markdown(f"Nobody has signed in. Open the workbench by its address, {hosted.address}.")
        else:
            st.markdown("Sign in again to go on; what computes goes on meanwhile." if _signed_in_before() else
                        "Sign in to look at results, start runs and compare them.")
            _way(one, hosted)


def _signed_in_before() -> bool:
    """Whether there is a sign-in that is no longer valid."""
    return bool(st.user.to_dict().get("sub"))


def _way(one: Person, hosted: Settings) -> None:
    """The button out for whom signed in, and in for others, who come back to this page; none where a proxy sees to
    both."""
    if hosted.people.sign_in == "headers":
        return
    _lead_back(key="lead-back", data={"signedIn": one.signed_in, "address": hosted.address})
    if one.signed_in:
        st.button("Sign out", icon=":material/logout:", key="sign-out", type="tertiary", on_click=_sign_out)
    else:
        st.button("Sign in", icon=":material/login:", key="sign-in", type="primary", on_click=st.login)


def _sign_out() -> None:
    """In every tab of this browser: Streamlit would let those go on that have read the cookie."""
    now, claims = time.time(), st.user.to_dict()
    for known in [known for known, expiry in _ended.items() if expiry < now]:
        del _ended[known]
    _ended[identity.session(claims)] = float(str(claims.get("exp")))
    st.logout()
