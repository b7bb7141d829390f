"""What needs no cluster: lines, pieces, what a run was begun with, the lock, the recipe's device, the command line."""

import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from ts_host_ray import cli, lines, node
from ts_host_ray.begun import begin, done, require_free
from ts_host_ray.device import device_of
from ts_host_ray.failure import Failed
from ts_host_ray.lines import LONGEST_LINE, Lines, shown
from ts_host_ray.lock import Lock, is_free
from ts_host_ray.pieces import MANIFEST, PIECE_BYTES, Incoming, files_of, pieces_of


class InAFolder(unittest.TestCase):
    """A test with a folder of its own."""

    def setUp(self) -> None:
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = Path(temporary.name)

    def write(self, name: str, data: bytes | str = b"") -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data.encode() if isinstance(data, str) else data)
        return path


class TestLines(unittest.TestCase):
    def test_lines_are_whole_wherever_the_bytes_are_cut(self) -> None:
        text = "one\r\ntwo ä\n\nthree".encode()
        for size in range(1, len(text) + 1):
            cut = Lines()
            found = [line for at in range(0, len(text), size) for line in cut.feed(text[at : at + size])]
            self.assertEqual([*found, *cut.end()], ["one", "two ä", "three"])
            self.assertEqual(list(cut.end()), [])

    def test_nothing_moves_the_cursor_or_turns_the_text(self) -> None:
        self.assertEqual(shown("a\x1b[2Jb\u202ec\u200bd\x9b"), "a\\x1b[2Jb\\u202ec\\u200bd\\x9b")
        self.assertEqual(shown(b"\xff ok"), "\\xff ok")

    def test_a_line_without_an_end_is_shown_in_pieces(self) -> None:
        cut = Lines()
        found = [*cut.feed(b"x" * (2 * LONGEST_LINE + 5)), *cut.end()]
        self.assertEqual([len(line) for line in found], [LONGEST_LINE, LONGEST_LINE, 5])
        self.assertEqual(lines.shown(""), "")


class TestPieces(InAFolder):
    def test_files_arrive_as_they_were(self) -> None:
        made = {"manifest.json": b"{}", "empty": b"", "model/large": bytes(range(256)) * (PIECE_BYTES // 128), "edge": b"x" * PIECE_BYTES}
        for name, data in made.items():
            self.write(f"from/{name}", data)
        names = files_of(self.folder / "from", lambda _: True)
        self.assertEqual(names[-1], MANIFEST)
        incoming = Incoming(self.folder / "staging", self.folder / "deep/to")
        for piece in pieces_of(self.folder / "from", names):
            self.assertLessEqual(len(piece[2]), PIECE_BYTES)
            incoming.add(piece)
            self.assertFalse((self.folder / "deep").exists())
        incoming.place()
        for name, data in made.items():
            self.assertEqual((self.folder / "deep/to" / name).read_bytes(), data)
        self.assertFalse((self.folder / "staging").exists())

    def test_what_is_there_is_replaced_entry_by_entry(self) -> None:
        self.write("to/manifest.json", "old")
        self.write("to/model/stale", "old")
        self.write("to/samples.jsonl", "kept")
        incoming = Incoming(self.folder / "staging", self.folder / "to")
        incoming.add(("manifest.json", 0, b"new"))
        incoming.add(("model/weights", 0, b"new"))
        incoming.place()
        found = {name: (self.folder / "to" / name).read_text() for name in files_of(self.folder / "to", lambda _: True)}
        self.assertEqual(found, {"manifest.json": "new", "model/weights": "new", "samples.jsonl": "kept"})

    def test_a_missing_piece_and_a_name_from_elsewhere_are_refused(self) -> None:
        incoming = Incoming(self.folder / "staging", self.folder / "to")
        incoming.add(("a", 0, b"12"))
        for piece in [("a", 3, b"4"), ("b", 1, b""), ("a", 0, b"1"), ("../a", 0, b""), ("/a", 0, b""), ("", 0, b""), ("b/../../a", 0, b"")]:
            with self.assertRaises(Failed):
                incoming.add(piece)
        Incoming(self.folder / "staging", self.folder / "to")
        self.assertEqual(list((self.folder / "staging").iterdir()), [])

    def test_links_are_not_followed(self) -> None:
        self.write("secret", "x")
        self.write("run/a")
        (self.folder / "run/link").symlink_to(self.folder / "secret")
        (self.folder / "run/folder").symlink_to(self.folder)
        self.assertEqual(files_of(self.folder / "run", lambda _: True), ["a"])


class TestBegun(InAFolder):
    def test_a_run_goes_on_with_what_it_was_begun_with(self) -> None:
        (self.folder / "shards").mkdir()
        with self.assertRaises(Failed) as missing:
            begin(self.folder, [], None)
        self.assertEqual(missing.exception.code, 2)
        begun = begin(self.folder, ["--seed", "1"], 3)
        self.assertEqual(begin(self.folder, [], None), begun)
        self.assertEqual(begin(self.folder, ["--seed", "1"], 3), begun)
        for flags, shards in ((["--seed", "2"], 3), ([], 4)):
            with self.assertRaisesRegex(Failed, "was begun with"):
                begin(self.folder, flags, shards)
        self.write("shards/ray.json", "{")
        with self.assertRaisesRegex(Failed, "cannot be read"):
            begin(self.folder, [], None)

    def test_other_folders_are_left_alone(self) -> None:
        require_free(self.folder)
        require_free(self.folder / "new")
        thesis = self.write("thesis.tex")
        for other in (self.folder, thesis):
            with self.assertRaisesRegex(Failed, "other things"):
                require_free(other)
        self.write("manifest.json", "{}")
        require_free(self.folder)

    def test_stages_that_are_done(self) -> None:
        self.assertEqual(done(self.folder), set())
        self.write("manifest.json", '{"stages": {"sample": {"done": true}, "grade": {"done": false}}}')
        self.assertEqual(done(self.folder), {"sample"})
        self.write("manifest.json", "[]")
        self.assertEqual(done(self.folder), set())


class TestLock(InAFolder):
    def test_the_second_is_refused_until_the_first_ends(self) -> None:
        (self.folder / "shards").mkdir()
        self.assertTrue(is_free(self.folder / "shards"))
        with Lock(self.folder):
            self.assertFalse(is_free(self.folder / "shards"))
            with self.assertRaisesRegex(Failed, "is in use by process [0-9]+$"), Lock(self.folder):
                pass
        with Lock(self.folder):
            pass
        self.assertTrue(is_free(self.folder / "shards"))


class TestDevice(InAFolder):
    def test_flags_then_the_recipe_then_what_it_extends(self) -> None:
        stand_in = self.write("ts-host", "#!/bin/sh\n[ $2 = gpu ] && echo '[model]\ndevice = \"cuda:0\"'\n")
        stand_in.chmod(0o755)
        program = str(stand_in)
        self.write("recipes/base.toml", 'extends = "gpu"\n')
        own = self.write("recipes/own.toml", 'extends = "base.toml"\n[run]\nseed = 3\n')
        loop = self.write("loop.toml", f'extends = "{self.folder}/loop.toml"\n')
        self.assertEqual(device_of(program, ["--recipe", "gpu"]), "cuda:0")
        self.assertEqual(device_of(program, ["--recipe", str(own)]), "cuda:0")
        self.assertEqual(device_of(program, ["--recipe", str(own), "--set", 'model.device="cpu"']), "cpu")
        self.assertEqual(device_of(program, ["--set", "model.device=cuda:1"]), "cuda:1")
        for recipe in ("none", str(loop), str(stand_in)):
            self.assertEqual(device_of(program, ["--recipe", recipe]), "cpu")


class TestLeash(InAFolder):
    def leash(self, *command: str, parent: int | None = None) -> subprocess.CompletedProcess[str]:
        import os

        words = [sys.executable, "-I", "-S", "-c", node.LEASH, str(parent or os.getpid()), *command]
        return subprocess.run(words, capture_output=True, text=True, check=False)

    def test_it_becomes_the_command(self) -> None:
        self.assertEqual(self.leash("sh", "-c", "echo $0; exit 14", "x").returncode, 14)
        missing = self.leash("/no/such/ts-host")
        self.assertEqual(
            (missing.returncode, missing.stdout), (127, "error: cannot start /no/such/ts-host here: No such file or directory\n")
        )

    def test_it_does_not_start_for_a_process_that_is_gone(self) -> None:
        self.assertEqual(self.leash("sh", "-c", "exit 0", parent=1 << 22).returncode, 1)

    @unittest.skipUnless(sys.platform == "linux", "prctl")
    def test_it_ends_with_the_process_that_started_it(self) -> None:
        code = f"""
import os, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-I", "-S", "-c", {node.LEASH!r}, str(os.getpid()), "sh", "-c", "echo up; exec sleep 60"])
time.sleep(1)
os.kill(os.getpid(), 9)
"""
        # Its output ends only when the child has ended too.
        done_ = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=False)
        self.assertEqual((done_.returncode, done_.stdout), (-9, "up\n"))

    def test_what_goes_back(self) -> None:
        self.assertTrue(node._goes_back("model/config.json", ["model"]))
        self.assertTrue(node._goes_back("samples.jsonl", ["*"]))
        for name in (".lock", "model.safetensors", "grades.jsonl.partial"):
            self.assertFalse(node._goes_back(name, ["model", "*"] if name != "model.safetensors" else ["model"]))
        self.assertEqual((node.signal_name(-9), node.signal_name(-99)), ("SIGKILL", "signal 99"))


class TestCommandLine(InAFolder):
    def run_cli(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "ts_host_ray.cli", *arguments]
        return subprocess.run(command, cwd=self.folder, capture_output=True, text=True, check=False)

    def test_what_cannot_be_is_said_before_a_cluster_is_asked(self) -> None:
        self.write("thesis/chapter.tex")
        stand_in = self.write("ts-host", "#!/bin/sh\necho ts-host 0\n")
        stand_in.chmod(0o755)
        for arguments, code, says in (
            (["--out", "run", "--shards", "0", "--ts-host", "./ts-host"], 2, "at least 1"),
            (["--out", "run", "--ts-host", "./ts-host"], 2, "number of shards is missing"),
            (["--out", "thesis", "--shards", "2", "--ts-host", "./ts-host"], 1, "other things than a run"),
            (["--out", "run", "--shards", "2", "--ts-host", "./none\x1b[2J"], 127, "cannot start ./none\\x1b[2J: No such file"),
            (["--out", "run", "--shards", "2", "--ts-host", "./ts-host", "--address", "ray://h:1"], 2, "ray job submit"),
            (["--out", "run", "--shards", "2", "--bogus"], 2, "--bogus"),
            (["--shards", "2"], 2, "--out"),
        ):
            ended = self.run_cli("run", *arguments)
            self.assertEqual(ended.returncode, code, ended.stderr)
            self.assertIn(says, ended.stderr)
            self.assertNotIn("Traceback", ended.stderr)

    def test_flags_of_the_recipe_keep_their_values(self) -> None:
        typed = cli._parser().parse_args(["run", "--out", "r", "--set", "a=1", "--set", "b=-2", "--seed", "7"])
        self.assertEqual((typed.set, typed.seed, typed.max_retries), (["a=1", "b=-2"], ["7"], 3))


if __name__ == "__main__":
    unittest.main()
