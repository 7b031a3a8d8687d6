"""A set that takes shape before one's eyes: its kept steps fade into each other, again and again for a while."""

import base64

import streamlit as st

from ddcore.report.film import Frame

SECONDS, TIMES = 8, 5  # of one showing, and how often; it rests while the pointer is on it
HELD = 35  # percent of a showing for which the result stays
STYLE = """
.film { position: relative; max-width: 26rem; margin: 0 auto; }
.film img { display: block; width: 100%; image-rendering: pixelated; border-radius: 0.2rem; }
.film img + img { position: absolute; inset: 0; animation: SECONDSs ease-in-out TIMES both; }
.film:hover img { animation-play-state: paused; }
@media (prefers-reduced-motion: reduce) {
  .film img + img { animation: none; display: none; }
  .film img:last-child { display: block; position: static; margin-top: 0.75rem; }
}
""".replace("SECONDS", str(SECONDS)).replace("TIMES", str(TIMES))


def show(frames: list[Frame], alt: str) -> None:
    """Play these frames. Who asked the system for less motion sees the first and the last, one above the other."""
    pictures = [base64.b64encode(frame.png).decode() for frame in frames]
    times = [round(100 * (1 - HELD / 100) * i / (len(frames) - 1)) for i in range(len(frames))]
    rules = "".join(_rule(i, times[i - 1], times[i]) for i in range(1, len(frames)))
    images = "".join(f'<img class="frame-{i}" src="data:image/png;base64,{picture}" alt="">'
                     for i, picture in enumerate(pictures))
    st.html(f'<style>{STYLE}{rules}</style><div class="film" role="img" aria-label="{alt}">{images}</div>')


def _rule(number: int, begins: int, ends: int) -> str:
    """Fade in between these percentages of a showing, and stay: what comes later lies above."""
    return (f"@keyframes film-{number} {{ 0%, {begins}% {{ opacity: 0; }} {ends}%, 100% {{ opacity: 1; }} }}\n"
            f".film img.frame-{number} {{ animation-name: film-{number}; }}\n")
