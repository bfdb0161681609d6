"""The figure of `speed.py`: each form over its limit, and how the default form's ratio moves when one thing grows."""

from pathlib import Path

INK, ACCENT = "#30343b", "#c1440e"


def draw(found: dict, path: Path) -> None:
    """A row of bars per measure, and a panel per growing quantity."""
    from matplotlib.figure import Figure

    grown = {what: values for what, values in found["growth"].items() if what != "torch"}
    figure = Figure(figsize=(11, 6.4), layout="constrained")
    upper, lower = figure.subfigures(2, 1, height_ratios=(1.2, 1))
    for axis, what in zip(upper.subplots(1, 3), ("train", "infer", "saved"), strict=True):
        rows = [(f"{name} {form}", each) for name in ("gpt2", "minilm") for form, each in found[name][what].items()]
        rows.reverse()
        axis.barh(range(len(rows)), [each["ratio"] for _, each in rows], xerr=[each["spread"] / 2 for _, each in rows],
                  color=[ACCENT if name.startswith("gpt2") else INK for name, _ in rows], alpha=0.85)  # fmt: skip
        axis.axvline(1, color=INK, lw=0.8, ls=":")
        axis.set_yticks(range(len(rows)), [name for name, _ in rows] if what == "train" else [])
        axis.set_xlabel("times the limit")
        title = {"train": "training step", "infer": "forecast", "saved": "kept for backward"}
        axis.set_title(title[what], fontsize="medium")
    for axis, (what, values) in zip(lower.subplots(1, len(grown)), grown.items(), strict=True):
        places = [int(value) for value in values]
        for side, colour in (("train", ACCENT), ("infer", INK)):
            ratios = [each[side]["ratio"] for each in values.values()]
            axis.plot(places, ratios, marker="o", color=colour, label={"train": "step", "infer": "forecast"}[side])
        axis.axhline(1, color=INK, lw=0.8, ls=":")
        axis.set_xlabel(what)
        axis.set_ylim(0, 1.1 * max(axis.get_ylim()[1], 1.6))
    lower.axes[0].set_ylabel("times the limit")
    lower.axes[0].legend(frameon=False, fontsize="small")
    figure.savefig(path, dpi=140)
