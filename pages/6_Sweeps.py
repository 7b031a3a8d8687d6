"""Sweeps: how does a parameter matter? Choose what is varied, watch the cells come, read the answer."""


from pages.components import frame, widgets
from pages.components.sweep import answer, choose

LEAD = "How does λ matter, or the number of images? One question over many values; each cell is an ordinary run."


def main() -> None:
    with frame.page("Sweeps", LEAD, "sweep"):
        run = frame.chosen_run("sweep")
        if run is not None:
            answer.show(run)
            return
        like = frame.chosen_run("sweep", "distill", parameter="like")
        if like is None:
            frame.device_banner()
        choose.form(like)
        widgets.earlier("sweep", "Earlier sweeps")


main()
