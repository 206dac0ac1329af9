"""`python -m models.recipe`: make the shipped model, or one stage of it."""

import argparse
import os
import shutil
import sys
from pathlib import Path

STAGES = ("data", "judge", "vae", "words", "unet", "clip", "captioner", "export", "evaluate")
MINUTES = {  # on two cores
    "judge": 25.0, "vae": 50.0, "words": 10.0, "unet": 350.0, "clip": 50.0, "captioner": 40.0,
}  # fmt: skip
MALLOC = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": "100000000000", "MALLOC_TOP_PAD_": "268435456"}


def main() -> None:
    """Run the stages asked for, in order, each within its budget."""
    parser = argparse.ArgumentParser(prog="python -m models.recipe", description=__doc__)
    parser.add_argument("stages", nargs="*", metavar="STAGE", help=f"any of {', '.join(STAGES)} (default: all)")
    parser.add_argument("--minutes", type=float, help="training time of each training stage")
    parser.add_argument("--steps", type=int, help="or its steps")
    parser.add_argument("--share", type=float, default=1.0, help="share of the bank to render, for a rehearsal")
    parser.add_argument("--threads", type=int, help="threads of this process (default: one per core)")
    about_from = (
        "a model (models/emoji) whose weights stages without a checkpoint begin from, where names and shapes agree"
    )
    parser.add_argument("--from", type=Path, dest="source", metavar="FOLDER", help=about_from)
    about_beside = "a folder with version 1, for `evaluate` to measure beside this one (default: as last measured)"
    parser.add_argument("--beside", type=Path, metavar="FOLDER", help=about_beside)
    arguments = parser.parse_args()
    if unknown := set(arguments.stages) - set(STAGES):
        parser.error(f"expected stages among {', '.join(STAGES)}, found {', '.join(sorted(unknown))}")

    if not MALLOC.keys() <= os.environ.keys():  # glibc reads these at start; page faults cost two thirds without them
        os.environ.update(MALLOC)
        os.execv(sys.executable, [sys.executable, "-m", "models.recipe", *sys.argv[1:]])

    import torch

    from . import captioner, clip, data, evaluate, export, judge, unet, vae, words
    from .artwork import WORK
    from .training import Budget

    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    if arguments.source is not None and not (WORK / "tokenizer").exists():  # what the weights read
        shutil.copytree(arguments.source / "tokenizer", WORK / "tokenizer")
    for stage in [stage for stage in STAGES if stage in (arguments.stages or STAGES)]:
        given = arguments.minutes is not None or arguments.steps is not None
        budget = Budget(arguments.minutes if given else MINUTES.get(stage), arguments.steps)
        if stage == "data":
            data.build(arguments.share)
        elif stage == "export":
            export.run()
        elif stage == "evaluate":
            if arguments.beside is not None:
                evaluate.beside(arguments.beside)
            evaluate.run()
        else:
            if arguments.source is not None:
                export.remember(arguments.source, stage)
            stages = {
                "judge": judge.run, "vae": vae.run, "words": words.run, "unet": unet.run, "clip": clip.run,
                "captioner": captioner.run,
            }  # fmt: skip
            stages[stage](budget, arguments.source)


if __name__ == "__main__":
    main()
