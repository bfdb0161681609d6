"""The command line's first taste: `seqreprog demo`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..errors import OutputError
from .console import print_score, reported, say


def demo_command(
    out_dir: Annotated[Path, typer.Option("--out", help="Where forecast.csv and forecast.png go.")] = Path("."),
) -> None:
    """Forecast a real series that comes with sktime, offline: a table, forecast.csv and forecast.png."""
    with reported():
        from ..data.files import check_frame_writable, write_frame_file
        from ..data.frames import read_table
        from ..estimators.forecaster import Forecaster
        from ..evaluation import demo
        from ..evaluation.plot import check_picture, plot_forecast, save_figure

        table_file, picture = out_dir / "forecast.csv", out_dir / "forecast.png"
        frame = demo.airline()
        check_picture(picture)
        _make_folder(out_dir)
        check_frame_writable(table_file)
        say(f"airline passengers, {len(frame)} months: the last {demo.WINDOWS} years forecast one by one")
        score = Forecaster(**demo.options()).evaluate(frame, n_windows=demo.WINDOWS, step_size=demo.HORIZON)
        print_score(score)
        model = Forecaster(**demo.options()).fit(frame)
        say(str(model.summary_), style="dim")
        forecast = model.predict()
        write_frame_file(forecast, table_file)
        save_figure(plot_forecast(read_table(frame), forecast, title="The next twelve months"), picture)
        say(f"wrote {table_file} and {picture}")


def _make_folder(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot make the folder {str(path)!r}: {error.strerror}. Choose another place") from error
