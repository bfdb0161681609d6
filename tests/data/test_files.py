"""Files: what is read is what was written, and a failed write leaves nothing."""

from __future__ import annotations

import gzip
import os
import re
from pathlib import Path

import pandas as pd
import pytest

from seqreprog.data.files import (
    MISSING,
    atomic_write,
    check_frame_writable,
    check_writable,
    read_frame_file,
    read_sequence_file,
    write_frame_file,
)
from seqreprog.errors import DataError, Notice, OutputError

FRAME = pd.DataFrame({"unique_id": ["b", "a"], "ds": ["2024-01-01", "2024-01-02"], "y": [1.5, None]})


@pytest.mark.parametrize(
    "name", ["load.csv", "load.CSV", "load.2024.csv.gz", "load.tsv", "load.TSV", "load.tsv.gz", "load.parquet"]
)
def test_what_is_read_is_what_was_written(tmp_path: Path, name: str) -> None:
    write_frame_file(FRAME, tmp_path / name)
    pd.testing.assert_frame_equal(read_frame_file(str(tmp_path / name)), FRAME)
    assert os.listdir(tmp_path) == [name]


def test_gz_ending_compresses(tmp_path: Path) -> None:
    write_frame_file(FRAME, tmp_path / "load.csv.gz")
    assert gzip.decompress((tmp_path / "load.csv.gz").read_bytes()).startswith(b"unique_id,ds,y")
    write_frame_file(FRAME, tmp_path / "load.tsv.gz")
    assert gzip.decompress((tmp_path / "load.tsv.gz").read_bytes()).startswith(b"unique_id\tds\ty")


def test_commas_and_quotes_inside_a_tsv_are_text(tmp_path: Path) -> None:
    frame = FRAME.assign(note=['one, two; "three"', "a\tb"])
    write_frame_file(frame, tmp_path / "load.tsv")
    pd.testing.assert_frame_equal(read_frame_file(tmp_path / "load.tsv"), frame)
    write_frame_file(FRAME[["ds"]].rename(columns={"ds": "sequence"}), tmp_path / "one.tsv")
    assert list(read_frame_file(tmp_path / "one.tsv")) == ["sequence"]


def test_parquet_keeps_time_zone_and_dates_in_the_index(tmp_path: Path) -> None:
    index = pd.date_range("2024-03-30", periods=3, tz="Europe/Berlin", name="ds")
    wide = pd.DataFrame({"a": [1.0, 2.0, 3.0]}, index=index)
    write_frame_file(wide, tmp_path / "wide.parquet")
    pd.testing.assert_frame_equal(read_frame_file(tmp_path / "wide.parquet"), wide, check_freq=False)


def test_dates_in_the_index_become_a_csv_column(tmp_path: Path) -> None:
    write_frame_file(FRAME.set_index("ds"), tmp_path / "load.csv")
    assert list(read_frame_file(tmp_path / "load.csv")) == ["ds", "unique_id", "y"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("gone.csv", None, r"gone\.csv' does not exist"),
        ("load.xlsx", b"x", r"load\.xlsx' must end in \.csv.*ends in '\.xlsx'"),
        ("load", b"x", r"load' must end in"),
        ("empty.csv", b"", r"empty\.csv' is empty"),
        ("header.csv", b"unique_id,ds,y\n", r"header\.csv' is empty: it has no rows"),
        ("excel.csv", b"ds;y\n2024-01-01;1,5\n", r"excel\.csv' has one column, 'ds;y': ';' stands between"),
        ("tabs.csv", b"ds\ty\n2024-01-01\t1\n", r"has one column, .* stands between .* or let its name end in \.tsv$"),
        ("commas.tsv", b"ds,y\n2024-01-01,1\n", r"',' stands between .* with tabs, or let its name end in \.csv$"),
        ("semi.tsv", b"ds;y\n2024-01-01;1\n", r"one column, 'ds;y': ';' stands between its values\. .* with tabs$"),
        ("empty.tsv", b"", r"empty\.tsv' is empty"),
        ("broken.tsv", b"a\tb\n1\t2\n1\t2\t3\n", r"broken\.tsv' cannot be read as tsv.*line 3"),
        ("broken.parquet", b"PAR1 no", r"broken\.parquet' cannot be read as parquet"),
        ("broken.csv", b"a,b\n1,2\n1,2,3\n", r"broken\.csv' cannot be read as csv.*line 3"),
        ("binary.csv", b"\xff\xfe\x81", r"binary\.csv' cannot be read as csv"),
        ("zero.csv", b"a,b\n1\x00,2\n", r"zero\.csv' is no UTF-8 text: it holds zero bytes\. Save it as text"),
        ("zero.tsv", gzip.compress(b"a\tb\n1\x00\t2\n", mtime=0), r"zero\.tsv' is no UTF-8 text"),
        ("ends.csv", b"id,y\n007,1,\n008,2,\n", r"ends\.csv' has one value more in its rows than its 2 columns"),
        ("cut.csv.gz", gzip.compress(b"a,b\n1,2\n" * 99, mtime=0)[:-9], r"cut\.csv\.gz' cannot be read as csv"),
    ],
)
def test_unreadable_file_is_named(tmp_path: Path, name: str, content: bytes | None, message: str) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_frame_file(tmp_path / name)


def test_a_folder_is_not_a_file(tmp_path: Path) -> None:
    (tmp_path / "load.csv").mkdir()
    with pytest.raises(DataError, match=r"load\.csv' is a folder"):
        read_frame_file(tmp_path / "load.csv")
    with pytest.raises(OutputError, match=r"load\.csv' is a folder"):
        write_frame_file(FRAME, tmp_path / "load.csv")


def test_unwritable_place_is_named_before_and_after_the_work(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("here")
    for path, reason in [
        (tmp_path / "gone" / "load.csv", "there is no folder '.*gone'"),
        (tmp_path / "file" / "load.csv", "there is no folder '.*file'"),
    ]:
        with pytest.raises(OutputError, match=reason):
            check_writable(path)
        with pytest.raises(OutputError, match=reason):
            write_frame_file(FRAME, path)
    assert os.listdir(tmp_path) == ["file"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_folder_without_permission_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(OutputError, match=r"load\.csv': Permission denied"):
            check_writable(tmp_path / "load.csv")
    finally:
        tmp_path.chmod(0o700)


def test_check_writable_leaves_nothing_behind(tmp_path: Path) -> None:
    check_writable(tmp_path / "load.csv")
    check_frame_writable(tmp_path / "load.csv")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("act", [check_frame_writable, lambda path: write_frame_file(FRAME, path)])
def test_unknown_ending_is_refused(tmp_path: Path, act) -> None:
    with pytest.raises(OutputError, match=r"out\.txt' must end in \.csv, \.tsv \(both also with \.gz\) or \.parquet"):
        act(tmp_path / "out.txt")


@pytest.mark.parametrize(
    ("error", "shown"), [(OSError(28, "No space left on device"), OutputError), (KeyError, KeyError)]
)
def test_failed_write_keeps_the_old_file_and_leaves_no_other(tmp_path: Path, error, shown) -> None:
    target = tmp_path / "load.csv"
    target.write_text("old")

    def fail(place: Path) -> None:
        place.write_text("half")
        raise error

    with pytest.raises(shown, match="No space left" if shown is OutputError else None):
        atomic_write(target, fail)
    assert target.read_text() == "old"
    assert os.listdir(tmp_path) == ["load.csv"]


def test_atomic_write_follows_links_and_keeps_permissions(tmp_path: Path) -> None:
    target, link = tmp_path / "real.txt", tmp_path / "link.txt"
    target.write_text("old")
    target.chmod(0o640)
    link.symlink_to(target)
    atomic_write(link, lambda place: place.write_text("new"))
    assert link.is_symlink()
    assert target.read_text() == "new"
    assert target.stat().st_mode & 0o777 == 0o640


# --- sequences --------------------------------------------------------------------------------------------------------


def test_sequences_come_from_fasta_and_tables(tmp_path: Path) -> None:
    (tmp_path / "two.fa").write_text(">P1 toxin\nAC\nD\n>P2\nEF\n")
    frame = read_sequence_file(tmp_path / "two.fa", sequence_col="seq")
    assert frame.to_dict("list") == {"id": ["P1", "P2"], "description": ["toxin", ""], "seq": ["ACD", "EF"]}
    for name in ("two.csv", "two.tsv", "two.tsv.gz", "two.parquet"):
        write_frame_file(frame, tmp_path / name)
        assert read_sequence_file(tmp_path / name, sequence_col="seq")["seq"].tolist() == ["ACD", "EF"]


@pytest.mark.parametrize("ending", ["csv", "tsv"])
def test_peptides_that_look_like_missing_values_are_kept(tmp_path: Path, ending: str) -> None:
    text = "id,sequence,y\n007,NA,1\n008,NULL,NA\n009,,3\n"
    path = tmp_path / f"some.{ending}"
    path.write_text(text if ending == "csv" else text.replace(",", "\t"))
    frame = read_sequence_file(path, names=["id"], numeric=["y"])
    assert frame["sequence"].tolist()[:2] == ["NA", "NULL"]
    assert frame["sequence"].isna().tolist() == [False, False, True]
    assert frame["id"].tolist() == ["007", "008", "009"]
    assert frame["y"].isna().tolist() == [False, True, False]


NAMES = [
    ["007", "7", "07"],
    ["+1", "-1", "1"],
    ["TRUE", "False", "true"],
    ["0", " 1", "1 "],
    ["1", "1.0", "1.00"],
    ["1E5", "100000.0", "1e5"],
    ["0", "", "1"],
    ["True", "", "no"],
    ["2024-01-01", "01/02/2024", "12"],
    ["9007199254740993", "9007199254740992", "1"],
    ["inf", "-0", "0x10"],
    ["1_000", "1,000", "1.000"],
    ['="007"', "'007", "#1"],
    ["a\rb", "a\nb", "a\r\nb"],
]


@pytest.mark.parametrize("cells", NAMES, ids=repr)
@pytest.mark.parametrize("ending", ["csv", "tsv", "csv.gz"])
def test_names_are_text_as_it_stands_whatever_else_is_in_the_column(
    tmp_path: Path, cells: list[str], ending: str
) -> None:
    path = tmp_path / f"some.{ending}"
    write_frame_file(pd.DataFrame({"unique_id": cells, "sequence": "ACD", "y": [1, 2, 3]}), path)
    for frame in (read_frame_file(path), read_sequence_file(path, numeric=["y"])):
        found = [None if value != value else value for value in frame["unique_id"].tolist()]
        assert found == [cell or None for cell in cells]
        assert frame["y"].tolist() == [1, 2, 3]
    assert read_sequence_file(path)["y"].tolist() == ["1", "2", "3"]


def test_a_name_does_not_depend_on_the_other_rows(tmp_path: Path) -> None:
    for rows in (["007"], ["007", "x"], ["007", "7", "1.5"], ["007"] + ["8"] * 300_000 + ["x"]):
        (tmp_path / "some.csv").write_text("unique_id,y\n" + "".join(f"{row},1\n" for row in rows))
        assert read_frame_file(tmp_path / "some.csv")["unique_id"].tolist() == rows


@pytest.mark.parametrize("word", [word for word in MISSING if word])
def test_names_that_look_like_missing_values_are_kept_and_told(tmp_path: Path, word: str) -> None:
    (tmp_path / "some.csv").write_text(f"unique_id,sequence,x,y\n{word},ACD,{word},1\nyes,ACD,,2\n,ACD,3,3\n")
    with pytest.warns(Notice, match=rf"column 'unique_id': '{re.escape(word)}' is read as a name, in 1 of 3 rows"):
        frame = read_frame_file(tmp_path / "some.csv")
    assert frame["unique_id"].tolist()[:2] == [word, "yes"]
    assert frame["unique_id"].isna().tolist() == [False, False, True]
    assert frame["x"].isna().tolist() == [True, True, False], "among numbers it is missing"


def test_the_words_for_missing_values_are_those_of_pandas(tmp_path: Path) -> None:
    assert set(MISSING) == set(pd._libs.parsers.STR_NA_VALUES)


def test_names_that_differ_in_white_space_alone_are_told(tmp_path: Path) -> None:
    (tmp_path / "some.csv").write_text("unique_id,y\nA,1\nA ,2\nB,3\n")
    with pytest.warns(Notice, match=r"column 'unique_id': 'A', 'A ' differ in white space alone"):
        assert read_frame_file(tmp_path / "some.csv")["unique_id"].tolist() == ["A", "A ", "B"]


def test_columns_that_share_a_name_keep_it(tmp_path: Path) -> None:
    """Else two series 'a' would come back as 'a' and 'a.1'."""
    (tmp_path / "some.csv").write_text("ds,a,a,a.1,\n2024-01-01,1,2,3,4\n")
    with pytest.warns(Notice, match=r"some\.csv': 1 of 5 columns have no name; the first is called 'Unnamed: 4'"):
        assert list(read_frame_file(tmp_path / "some.csv")) == ["ds", "a", "a", "a.1", "Unnamed: 4"]
    (tmp_path / "some.csv").write_text("ds,a.1,a.2\n2024-01-01,1,2\n")
    assert list(read_frame_file(tmp_path / "some.csv")) == ["ds", "a.1", "a.2"]


def test_what_is_no_character_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"cannot write .*a\.csv': '\\ud800' is no character"):
        write_frame_file(pd.DataFrame({"unique_id": ["\ud800"]}, dtype=object), tmp_path / "a.csv")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.csv.gz", "a.tsv.bgz"])
@pytest.mark.parametrize("packed", [False, True])
def test_a_packed_table_is_known_by_its_first_bytes(tmp_path: Path, name: str, packed: bool) -> None:
    mark = b"\t" if "tsv" in name else b","
    parts = [b"unique_id" + mark + b"y\n", b"007" + mark + b"1\n"]
    (tmp_path / name).write_bytes(b"".join(map(gzip.compress, parts)) if packed else b"".join(parts))
    assert read_frame_file(tmp_path / name).to_dict("list") == {"unique_id": ["007"], "y": [1]}


@pytest.mark.parametrize("name", ["a.a3m", "a.a2m.gz", "a.sto", "a.aln"])
def test_alignments_are_refused_by_name(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match=r"is an alignment \((A3M|A2M|Stockholm|Clustal)\), .* Take out '-'"):
        read_sequence_file(tmp_path / name)


def test_what_a_sequence_file_says_is_a_notice(tmp_path: Path) -> None:
    (tmp_path / "some.fastq").write_text("@r1 lane 1\nACGT\n+\n!!!!\n")
    with pytest.warns(Notice, match="the qualities of 1 read are not read"):
        frame = read_sequence_file(tmp_path / "some.fastq", sequence_col="seq")
    assert frame.to_dict("list") == {"id": ["r1"], "description": ["lane 1"], "seq": ["ACGT"]}


def test_sequence_file_names_its_columns_and_endings(tmp_path: Path) -> None:
    write_frame_file(FRAME, tmp_path / "load.csv")
    with pytest.raises(DataError, match=r"load\.csv' has no column 'seq'; it has \['unique_id', 'ds', 'y'\]"):
        read_sequence_file(tmp_path / "load.csv", sequence_col="seq")
    with pytest.raises(DataError, match=r"a\.embl' must end in \.csv, .* for FASTA in \.fasta, .*ends in '\.embl'"):
        read_sequence_file(tmp_path / "a.embl")
    with pytest.raises(DataError, match=r"gone\.csv' does not exist"):
        read_sequence_file(tmp_path / "gone.csv")
