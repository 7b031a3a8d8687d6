"""How good a method's sets are, end to end: accuracy beside the controls, and the time it all took.

    python -m benchmarks.accuracy datadam --preset quick --protocols course
    python -m benchmarks.accuracy dm --preset quick --protocols quick
    python -m benchmarks.accuracy dm --preset quick --dataset mhist --protocols quick
    python -m benchmarks.accuracy random --protocols standard --nets 5 --width 32
    python -m benchmarks.accuracy baseline --dataset mnist                           (20 epochs on the full data)
    python -m benchmarks.accuracy datadam --preset course --protocols course standard     (wants a CUDA GPU)
    python -m benchmarks.accuracy dm --preset paper --ipc 1 10 50 --protocols standard --nets 5 --matrix   (as well)
    python -m benchmarks.accuracy pad --preset mnist --protocols standard --nets 5                             (as well)

Uses the real command line in a home of its own (an empty one: nothing is answered from disk), and the data root
DDCORE_DATA. Flags that it does not know go to the first command. --matrix also evaluates each set on the other
networks of the field; --width evaluates it, without controls, on a ConvNet-3 of this width instead. Writes
benchmarks/results/<method>_<preset>_<dataset>_<device>.json.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from typing import Any

from benchmarks.machine import described, keep
from ddcore.data import DATASETS
from ddcore.home import PROJECT, data_root
from ddcore.networks import LINEUP, Variant


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("method")
    parser.add_argument("--preset")
    parser.add_argument("--dataset", default="mnist")
    parser.add_argument("--ipc", nargs="+", default=[None], help="images per class; left out, the preset's own")
    parser.add_argument("--protocols", nargs="+", default=["course"])
    parser.add_argument("--nets", default="3")
    parser.add_argument("--seeds", default="1")
    parser.add_argument("--matrix", action="store_true")
    parser.add_argument("--width")
    parser.add_argument("--home", help="keep the runs here, so that a long benchmark that was stopped goes on")
    asked, more = parser.parse_known_args()
    asked.more = more
    rows = []
    with tempfile.TemporaryDirectory() as empty:
        home = asked.home or empty
        for ipc in asked.ipc:
            for protocol in asked.protocols:
                size = {"ipc": int(ipc)} if ipc else {}
                rows.append({**size, "protocol": protocol, **_distilled(asked, ipc, protocol, home)})
                print(json.dumps(rows[-1]), flush=True)
    device = "cuda" if described()["gpu"] else "cpu"
    caveat = DATASETS[asked.dataset].check(data_root()).caveat
    images = f"{asked.dataset}-not-official" if caveat else asked.dataset  # no file may be taken for what it is not
    name = "_".join([asked.method, *([asked.preset] if asked.preset else []), images, device])
    if asked.home:
        del sys.argv[(at := sys.argv.index("--home")) : at + 2]  # a place of this machine says nothing elsewhere
    told = {"caveat": caveat} if caveat else {}
    print(keep(name, {**told, "nets": int(asked.nets), "seeds": int(asked.seeds), "device": device, "results": rows}))


def _distilled(asked: argparse.Namespace, ipc: str | None, protocol: str, home: str) -> dict[str, Any]:
    """One command, from the first keystroke to the answer; later protocols find the images on disk."""
    if asked.method == "baseline":
        return command(home, "baseline", "--dataset", asked.dataset, *asked.more, "--wait")
    preset = ["--preset", asked.preset] if asked.preset else []
    size = ["--ipc", ipc] if ipc else []
    distil = ["run", asked.method, *preset, "--dataset", asked.dataset, *size, *asked.more, "--wait"]
    if asked.width:
        narrow = Variant("convnet3", {"width": int(asked.width)})
        return _elsewhere(command(home, *distil)["run"], narrow, protocol, asked.nets, home)
    answer = command(home, *distil, "--evaluate", protocol, "--nets", asked.nets, "--seeds", asked.seeds)
    if asked.matrix:
        answer["matrix"] = [_elsewhere(answer["run"], v, protocol, asked.nets, home) for v in LINEUP]
    return answer


def _elsewhere(run: str, variant: Variant, protocol: str, nets: str, home: str) -> dict[str, Any]:
    """This set on another network."""
    network = [text for name, value in variant.values.items() for text in (f"--{name}", str(value))]
    answer = command(home, "evaluate", run, "--protocol", protocol, "--nets", nets, *network)
    told = {name: answer[name] for name in ("accuracy", "parameters", "macs", "seconds_train")}
    return {"network": variant.network, "options": dict(variant.options), **told}


def command(home: str, *words: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "ddcore", *words, "--json"]
    environment = {**os.environ, "DDCORE_HOME": home, "DDCORE_DATA": str(data_root())}
    began = time.perf_counter()
    done = subprocess.run(command, cwd=PROJECT, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return {"wall_seconds": round(time.perf_counter() - began, 1), **json.loads(done.stdout.splitlines()[-1])}


if __name__ == "__main__":
    main()
