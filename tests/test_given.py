"""Files that a person gives, and places that a person names: taken rightly, or one line."""

import os
import resource
import signal
import stat
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from inference_economics.book import BOOK
from inference_economics.command import main
from reckoner import stopping
from reckoner.declare.given import DataError, read_json, read_table, read_toml
from reckoner.declare.units import is_unit, meant_unit
from reckoner.files import put, write_whole
from reckoner.show.notebook import Chapter
from stopped import INTERRUPTIBLE

SPACETIME = (sys.executable, "-m", "inference_economics.command")
EXAMPLES = Path(__file__).parent.parent / "examples"
HEAD = "model,system,backend,precision,isl,osl,concurrency,tp"
ROW = "llama31_70b,h100_sxm,vllm,fp8,1024,1024,16,4"


def written(folder, content, name="rows.csv"):
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def call(*arguments):
    """Runs the command; an exception other than an exit is a failure of the test."""
    return CliRunner().invoke(main, list(map(str, arguments)), catch_exceptions=False)


def predicted(folder, content, output="o.csv"):
    return call("predict", written(folder, content), "-o", folder / output)


# Tables


@pytest.mark.parametrize(
    "text",
    [
        "\ufeffa,b\r\n1,2\r\n", "a;b\n1;2\n", "a\tb\n1\t2\n", "a,b,\n1,2,\n", "a,b\n1,2,\n",
        " a , b\n1 , 2\n", "a,b\n\n1,2\n,\n", '"a","b"\n"1","2"\n', "a,b\n1,2",
    ],
)  # fmt: skip
def test_a_table_is_read_as_it_was_meant(tmp_path, text):
    table = read_table(written(tmp_path, text))
    assert [row.cells for row in table.rows] == [{"a": "1", "b": "2"}]


def test_a_line_break_in_quotes_keeps_the_line_numbers_right(tmp_path):
    table = read_table(written(tmp_path, 'a,b\n\n"x\ny",2\n3,4\n'))
    assert [(row.line, row.cells["a"]) for row in table.rows] == [(3, "x\ny"), (5, "3")]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "rows.csv: it is empty"),
        (b"a,b\n1,2,3\n", "line 2: it has 3 cells, the header 2; .*row.names=FALSE"),
        (b"a,b\n1\n", "line 2 .*column 'b': expected a string; the line has 1 cells"),
        (b",a\n1,2\n", "line 1: column 1 has no name; .*index=False"),
        (b'"","a"\n"1","2"\n', "line 1: column 1 has no name"),
        (b"a,b,a\n1,2,3\n", "line 1, column 'a': it stands twice"),
        (b"a,b\n1,\xe4\n", "line 2: not UTF-8, perhaps Latin-1; save it as UTF-8"),
        ("a,b\n1,2\n".encode("utf-16"), "UTF-16; save it as UTF-8"),
        (b"a,b\n1,\0\n", "line 2: it has a zero byte"),
        (b'a,b\n1,"2\n', "line 2: not a table of commas"),
    ],
)
def test_what_is_no_table_is_refused_in_one_line(tmp_path, content, message):
    with pytest.raises(DataError, match=message) as refused:
        read_table(written(tmp_path, content))
    assert "\n" not in str(refused.value)


@given(st.binary(max_size=200))
@settings(max_examples=300)
def test_any_bytes_are_read_or_refused(tmp_path_factory, content):
    path = written(tmp_path_factory.mktemp("any"), content)
    for read in (read_table, read_json, read_toml):
        try:
            read(path)
        except DataError as error:
            assert str(path) in str(error) and "\n" not in str(error)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a": 1, "a": 2}', "'a' stands twice"),
        ('{"a": 1,\n}', "line 2: not JSON"),
        ("[" * 100_000, "not JSON"),
        ("1" * 5000, "not JSON"),
    ],
)
def test_what_is_no_json_is_refused_in_one_line(tmp_path, text, message):
    with pytest.raises(DataError, match=message):
        read_json(written(tmp_path, text, "config.json"))


# The cases of the command


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"{HEAD}\n", "it has a header and no row"),
        (f"{HEAD}\n1,{ROW}\n", "line 2: it has 9 cells, the header 8"),
        (f"{HEAD},isl\n{ROW},2\n", "column 'isl': it stands twice"),
        (f"{HEAD}\n\n{ROW}\n{ROW.replace('1024,1024', 'x,1024')}\n", "line 4, column 'isl'"),
        (f"{HEAD}\n{ROW[:-1]}3\n", "line 2, column 'tp': 3 chips do not share the heads of"),
        (f"{HEAD},pp\n{ROW},2\n", "line 2, column 'pp': it is not reckoned with"),
        (f"{HEAD.replace(',', ';')}\n{ROW.replace(',', ';').replace('1024;1024', '1,5;9')}\n",
         "column 'isl': expected a whole number of 1 to 1e+07; found '1,5'; write thousands"),
        (f"{HEAD}\n{ROW.replace('llama31_70b', './none.json')}\n", "line 2, column 'model'"),
    ],
)  # fmt: skip
def test_a_row_that_cannot_be_predicted_is_one_line(tmp_path, text, message):
    refused = predicted(tmp_path, text)
    assert refused.exit_code == 1
    assert message in refused.output
    assert refused.output.count("\n") == 1
    assert not (tmp_path / "o.csv").exists()


@pytest.mark.parametrize("text", [f"{HEAD}\n{ROW},\n", f"\ufeff{HEAD},pp\r\n{ROW},1\r\n"])
def test_a_row_that_is_meant_well_is_predicted(tmp_path, text):
    assert predicted(tmp_path, text).exit_code == 0
    assert len(pd.read_csv(tmp_path / "o.csv")) == 1


def test_a_model_and_a_chip_may_be_files_in_a_table(tmp_path):
    row = ROW.replace("llama31_70b", str(EXAMPLES / "llama2_70b_config.json"))
    row = row.replace("h100_sxm", str(EXAMPLES / "made_up_gpu.toml"))
    assert predicted(tmp_path, f"{HEAD}\n{row}\n").exit_code == 0
    row = ROW.replace("llama31_70b", "llama2_70b").replace("1024,1024", "100000,1024")
    assert predicted(tmp_path, f"{HEAD}\n{row}\n").exit_code == 0
    assert "context of the model" in pd.read_csv(tmp_path / "o.csv")["outside"][0]


def test_more_context_than_a_model_takes_is_said():
    declared = BOOK.parameters("kv_cache")
    (note,) = declared.notes(declared.check({"context_length": 100_000}))
    assert note == "context_length 100,000: LLaMA-2 70B takes 4,096, so this is a what-if."
    assert declared.notes(declared.check({})) == []
    served = BOOK.parameters("serving")
    (note,) = served.notes(served.check({"tensor_parallel": 3}))
    assert "so many do not share the heads of" in note and "1, 2, 4, 8" in note


def test_a_sweep_takes_a_path_with_a_comma_and_says_what_it_took(tmp_path):
    config = (EXAMPLES / "llama2_70b_config.json").read_text()
    path = written(tmp_path, config, "my model, 70b.json")
    for value, count in ((str(path), 1), (f'"{path}",llama2_70b', 2)):
        done = call("sweep", "capacity", "-p", f"model={value}", "-o", tmp_path / f"{count}.csv")
        assert done.exit_code == 0, done.output
        assert "69 billion" in done.output or "68.98 billion" in done.output
        assert len(pd.read_csv(tmp_path / f"{count}.csv")) == count


def test_a_sweep_in_which_points_failed_does_not_end_well(tmp_path, monkeypatch):
    def failing(*given):
        raise ValueError("so")

    monkeypatch.setattr("reckoner.book.Book.results", failing)
    done = call("sweep", "capacity", "-p", "gpu_price=1,2", "-o", tmp_path / "t.csv")
    assert done.exit_code == 3
    assert "2 points, of which 2 failed; its column error says why" in done.output


def test_what_a_file_says_of_bytes_is_taken_unless_given(tmp_path):
    path = str(written(tmp_path, (EXAMPLES / "llama2_70b_config.json").read_text(), "config.json"))
    declared = BOOK.parameters("capacity")
    said = declared.check({"model": path})
    assert said["bytes_per_parameter"] == 2
    mine = declared.check({"model": path, "bytes_per_parameter": 1})
    assert mine["bytes_per_parameter"] == 1
    assert "not as the file says" in declared.notes(mine)[-1]
    assert declared.changed({"model": path}, said) == {"model": path, "bytes_per_parameter": 2}


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_a_sweep_that_is_stopped_is_one_line_and_says_how_to_go_on(tmp_path, how):
    axes = ["context_length=1:100000000:log2/10", "batch_size=1:1000000:log10/100",
            "bytes_per_element=0.25,0.5,1,2"]  # fmt: skip
    given = [each for axis in axes for each in ("-p", axis)]
    stopped = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTIBLE, "sweep", "kv_cache", *given, "--at-once", "2000",
         "-o", str(tmp_path / "t.csv")],
        stderr=subprocess.PIPE, text=True, start_new_session=True,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )  # fmt: skip
    parts = tmp_path / "t.csv.parts"
    while not list(parts.glob("*.arrow")) and stopped.poll() is None:
        threading.Event().wait(0.05)
    os.killpg(stopped.pid, how)
    _, said = stopped.communicate(timeout=60)
    assert stopped.returncode == 130
    assert said.strip().splitlines()[-1] == (
        "Error: stopped; what is finished stays; the same command goes on from there"
    )
    assert "Traceback" not in said
    assert not list(tmp_path.glob("reckoner-*"))


def test_a_rerun_that_is_stopped_is_one_line_and_leaves_no_folder(tmp_path):
    with tempfile.TemporaryDirectory(prefix="t-") as temporary:  # a short path, as sockets need
        stopped = subprocess.Popen(
            [*SPACETIME, "rerun", "uncertainty", "-o", str(tmp_path / "out")],
            stderr=subprocess.PIPE, text=True, start_new_session=True,
            env={**os.environ, "TMPDIR": temporary},
        )  # fmt: skip
        while not list(Path(temporary).glob("*/k*/k-*")) and stopped.poll() is None:
            threading.Event().wait(0.05)
        stopped.terminate()
        _, said = stopped.communicate(timeout=60)
        assert (stopped.returncode, said) == (130, "Error: stopped; nothing was written\n")
        assert os.listdir(temporary) == [] and not (tmp_path / "out").exists()


def test_a_stop_that_is_swallowed_comes_again():
    code = (
        "import os, signal, time\n"
        "from reckoner import stopping\n"
        "stopping.AGAIN = 0.1\n"
        "class Deaf:\n"
        "    def __del__(self):\n"
        "        os.kill(os.getpid(), signal.SIGTERM)\n"
        "        time.sleep(5)\n"
        "try:\n"
        "    with stopping.stoppable():\n"
        "        Deaf()\n"
        "        time.sleep(30)\n"
        "except KeyboardInterrupt:\n"
        "    print('stopped')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=20
    )
    assert done.stdout == "stopped\n" and "Exception ignored" in done.stderr


def test_ctrl_c_before_the_command_begins_is_one_line():
    code = "from reckoner import stopping; stopping.quietly(); raise KeyboardInterrupt"
    stopped = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert stopped.stderr == "Error: stopped\n" and stopped.returncode in (130, -signal.SIGINT)


def test_folders_of_killed_runs_are_removed_and_no_others(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    for name in (f"reckoner-{ended.pid}-a", f"reckoner-{os.getpid()}-b", "reckoner-mine"):
        (tmp_path / name / "inner").mkdir(parents=True)
    with stopping.scratch() as folder:
        assert tempfile.mkdtemp().startswith(str(folder))
        assert os.environ["TMPDIR"] == str(folder)
    assert {p.name for p in tmp_path.iterdir()} == {f"reckoner-{os.getpid()}-b", "reckoner-mine"}


# Too little room


def little(gigabytes):
    return lambda: resource.setrlimit(resource.RLIMIT_AS, (int(gigabytes * 1e9),) * 2)


@pytest.mark.parametrize(
    ("gigabytes", "given"),
    [
        (2.5, ("-p", "batch_size=1:64:log2")),  # no room to draw
        (1.2, ("-p", "context_length=1:100000:9000", "-p", "batch_size=1:1000:1000",
               "--at-once", "9000000")),
    ],
)  # fmt: skip
def test_too_little_memory_is_one_line(tmp_path, gigabytes, given):
    refused = subprocess.run(
        [*SPACETIME, "sweep", "kv_cache", *given, "-o", str(tmp_path / "t.csv")],
        preexec_fn=little(gigabytes), capture_output=True, text=True, check=False,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert refused.returncode == 2 and not (tmp_path / "t.csv").exists()
    assert refused.stderr.startswith("Error: the memory is too small for this")
    assert refused.stderr.count("\n") == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
@pytest.mark.parametrize(
    ("command", "output"), [(("predict", "-o", "/dev/full"), None), (("predict", "-o", "-"), "w"),
                            (("params", "capacity"), "w")],
)  # fmt: skip
def test_a_full_disk_is_one_line(tmp_path, command, output):
    rows = [str(written(tmp_path, f"{HEAD}\n{ROW}\n"))] if command[0] == "predict" else []
    with Path("/dev/full").open("w") as full:
        refused = subprocess.run(
            [*SPACETIME, *command, *rows],
            stdout=full if output else subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
            check=False,
        )  # fmt: skip
    assert refused.returncode in (1, 2)
    assert "No space left on device; " in refused.stderr
    assert refused.stderr.startswith("Error: ") and refused.stderr.count("\n") == 1


# Units, and names on a page


def test_a_unit_that_would_not_end_is_none():
    for text in ("9**9**9**9 MB", "MB^9^9^9", "GB" * 1000, "__import__('os')", ""):
        assert not is_unit(text)
    assert [meant_unit(text) for text in ("TFLOPS", "GBps", "gb", "xyz")] == [
        "TFLOP/s", "GB/s", "GB", ""
    ]  # fmt: skip


def test_a_name_is_text_on_the_page_made_from_it(tmp_path):
    chip = (EXAMPLES / "made_up_chip.toml").read_text()
    chip = chip.replace("Made-up SRAM card", "<script>alert(1)</script>")
    path = str(written(tmp_path, chip, "chip.toml"))
    chapter = Chapter(BOOK, "capacity", {"chip": path})
    said = chapter.say(f"{chapter.inputs.chip.name} and {{ref}}`formula <anchor>`").data
    assert "<script" not in said and "&lt;script>" in said and "`formula <anchor>`" in said


# Places


def test_a_link_is_written_through_and_permissions_stay(tmp_path):
    target = written(tmp_path, "old", "target.csv")
    target.chmod(0o640)
    (tmp_path / "link.csv").symlink_to("target.csv")
    write_whole(tmp_path / "link.csv", "new")
    assert (tmp_path / "link.csv").is_symlink() and target.read_text() == "new"
    assert stat.S_IMODE(target.stat().st_mode) == 0o640
    assert {each.name for each in tmp_path.iterdir()} == {"link.csv", "target.csv"}


def test_a_pipe_and_the_standard_output_are_streams(tmp_path, capsys):
    os.mkfifo(tmp_path / "pipe")
    read = []
    reader = threading.Thread(target=lambda: read.append((tmp_path / "pipe").read_text()))
    reader.start()
    put(tmp_path / "pipe", "through")
    reader.join(10)
    assert read == ["through"] and stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)
    put(Path("-"), "out")
    assert capsys.readouterr().out == "out"


def test_what_is_no_file_is_left_alone(tmp_path):
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match="is no file"):
        write_whole(tmp_path / "folder", "new")
    put(Path("/dev/null"), "gone")
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)


@pytest.mark.parametrize("command", [("predict", "rows.csv"), ("sweep", "capacity")])
def test_a_place_that_cannot_be_written_is_one_line(tmp_path, monkeypatch, command):
    monkeypatch.chdir(tmp_path)
    written(tmp_path, f"{HEAD}\n{ROW}\n")
    refused = call(*command, "-o", "rows.csv/o.csv")
    assert refused.exit_code in (1, 2)
    assert refused.output.splitlines()[-1].startswith("Error: ")
    assert "give another name" in refused.output
