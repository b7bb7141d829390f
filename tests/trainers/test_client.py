"""The client for TRL and verl beside servers that mean harm. The standard library is all it needs.

In: docs/clients/ts_serve.py, and a socket that each test answers in its own way. Out: failures of unittest.
"""

import concurrent.futures
import json
import pathlib
import socket
import sys
import threading
import time
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "docs" / "clients"))
import ts_serve

ITEMS = [{"reference": "1", "response": "1"}] * 2
CORRECT = {"verdict": "correct", "score": 1.0}


class Server:
    """A socket at which each connection in turn is given to one of `ways`, to the last for ever. A way gets the connection and the
    items."""

    def __init__(self, *ways):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = "http://127.0.0.1:%d" % self.listener.getsockname()[1]
        self.ways, self.asked, self.closed = list(ways), [], threading.Event()
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while not self.closed.is_set():
            try:
                connection = self.listener.accept()[0]
            except OSError:
                return
            way = self.ways.pop(0) if len(self.ways) > 1 else self.ways[0]
            threading.Thread(target=self.converse, args=(connection, way), daemon=True).start()

    def converse(self, connection, way):
        with connection, connection.makefile("rb") as lines:
            head = b"".join(iter(lines.readline, b"\r\n")).decode().lower()
            length = int(head.split("content-length: ")[1].split("\r\n")[0])
            items = json.loads(lines.read(length))["items"]
            self.asked.append(items)
            try:
                way(connection, items)
            except OSError:
                pass  # the client has gone

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.closed.set()
        self.listener.close()


def http(status, body, head=""):
    return f"HTTP/1.1 {status} x\r\ncontent-length: {len(body)}\r\n{head}\r\n{body}".encode()


def good(connection, items):
    connection.sendall(http(200, json.dumps({"items": [CORRECT] * len(items)})))


def silent(connection, _):
    time.sleep(30)


def trickle(text):
    """Sends `text`, and then a byte at a time: never long silent, never done."""

    def way(connection, _):
        connection.sendall(text)
        for _ in range(300):
            connection.sendall(b"x")
            time.sleep(0.1)

    return way


def says(status, body="", head=""):
    return lambda connection, _: connection.sendall(http(status, body, head))


class Client(unittest.TestCase):
    def setUp(self):
        ts_serve.TIMEOUT, ts_serve.PATIENCE, ts_serve.ITEMS_AT_ONCE, ts_serve.METADATA = 0.5, 10.0, 256, []

    def test_no_server_holds_it_beyond_its_patience(self):
        ways = {
            "silent": silent,
            "head": trickle(b"HTTP/1.1 200 OK\r\nx-a: "),
            "heads": lambda connection, _: [connection.sendall(b"HTTP/1.1 100 x\r\n\r\n") or time.sleep(0.1) for _ in range(300)],
            "body": trickle(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n"),
            "endless": trickle(b"HTTP/1.1 200 OK\r\n\r\n"),
            "full": says(503, "full", "retry-after: 1\r\n"),
            "full for long": says(503, "full", "retry-after: 100000\r\n"),
            "full until a day": says(503, "full", "retry-after: Wed, 21 Oct 2026 07:28:00 GMT\r\n"),
            "garbage": lambda connection, _: connection.sendall(b"\x00\xff" * 100 + b"\r\n\r\n"),
            "half": lambda connection, _: connection.sendall(http(200, "x" * 100)[:-50]),
            "nothing": lambda connection, _: None,
            "no JSON": says(200, "<html>"),
        }
        ts_serve.PATIENCE = 2.0

        def ask(way):
            with Server(way) as server:
                started = time.monotonic()
                try:
                    return "an answer", ts_serve.grade(ITEMS, server.url)
                except RuntimeError as error:
                    return str(error), time.monotonic() - started

        with concurrent.futures.ThreadPoolExecutor(len(ways)) as pool:
            for name, (said, seconds) in zip(ways, pool.map(ask, ways.values())):
                with self.subTest(name):
                    self.assertRegex(said, "gave no answer in 2 s")
                    self.assertLess(seconds, 4.0)

    def test_no_server_at_all_is_an_error_in_time(self):
        ts_serve.PATIENCE = 1.0
        with socket.socket() as deaf:
            deaf.bind(("127.0.0.1", 0))
            with self.assertRaisesRegex(RuntimeError, "Connection refused"):
                ts_serve.grade(ITEMS, "http://127.0.0.1:%d" % deaf.getsockname()[1])

    def test_it_tries_again_and_sends_all_again(self):
        for name, way in {
            "half": lambda connection, _: connection.sendall(http(200, "x" * 100)[:-50]),
            "garbage": lambda connection, _: connection.sendall(b"\xff" * 100),
            "silent": silent,
            "trickle": trickle(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n"),
            "slow to send": says(408, "the body took too long"),
            "full": says(503, "full", "retry-after: 1\r\n"),
        }.items():
            with self.subTest(name), Server(way, good) as server:
                self.assertEqual(ts_serve.grade(ITEMS, server.url), [CORRECT] * 2)
                self.assertEqual([len(items) for items in server.asked], [2, 2])

    def test_what_is_refused_is_not_tried_again(self):
        for status in 400, 404, 413:
            with self.subTest(status), Server(says(status, "this is why")) as server:
                with self.assertRaisesRegex(RuntimeError, f"{status}.*this is why"):
                    ts_serve.grade(ITEMS[:1], server.url)
                self.assertEqual(len(server.asked), 1)

    def test_too_much_at_once_is_sent_in_halves(self):
        def small(connection, items):
            good(connection, items) if len(items) <= 3 else says(413, "less")(connection, items)

        with Server(small) as server:
            items = [{"reference": str(index), "response": ""} for index in range(10)]
            self.assertEqual(ts_serve.grade(items, server.url), [CORRECT] * 10)
            taken = [item for asked in server.asked if len(asked) <= 3 for item in asked]
            self.assertEqual(taken, items)

    def test_rewards_are_never_misplaced(self):
        for body in '{"items": []}', '{"items": [{}, {}, {}]}', '{"status": "ok"}':
            with self.subTest(body), Server(says(200, body)) as server:
                with self.assertRaisesRegex(RuntimeError, "2 items were answered with"):
                    ts_serve.grade(ITEMS, server.url)

        def echo(connection, items):
            answers = [{"verdict": "correct", "score": float(item["reference"])} for item in items]
            connection.sendall(http(200, json.dumps({"items": answers})))

        ts_serve.ITEMS_AT_ONCE = 4
        with Server(echo) as server:
            references = [None if index % 3 == 0 else str(index) for index in range(20)]
            ts_serve.URL = server.url
            scores = ts_serve.reward(["x"] * 20, references)
            self.assertEqual(scores, [None if index % 3 == 0 else float(index) for index in range(20)])
            self.assertEqual([len(items) for items in server.asked], [4, 4, 4, 1])

    def test_many_threads_ask_at_once(self):
        def echo(connection, items):
            connection.sendall(http(200, json.dumps({"items": [{"verdict": "correct", "score": int(items[0]["reference"])}]})))

        scores = {}

        def ask(index):
            scores[index] = ts_serve.compute_score("source", "x", index, url=server.url)["score"]

        with Server(echo) as server:
            threads = [threading.Thread(target=ask, args=(index,)) for index in range(64)]
            [thread.start() for thread in threads]
            [thread.join() for thread in threads]
        self.assertEqual(scores, {index: index for index in range(64)})

    def test_what_the_grader_gets(self):
        class Array:  # stands for one of numpy's
            def tolist(self):
                return [1, 2]

        ts_serve.METADATA = ["tests"]
        with Server(good) as server:
            ts_serve.URL = server.url
            chat = [
                {"role": "assistant", "content": "I look it up."},
                {"role": "assistant", "content": None, "tool_calls": []},
                {"role": "tool", "content": "\\boxed{3}"},
                {"role": "assistant", "content": [{"type": "text", "text": "It is "}, {"type": "text", "text": "4."}]},
            ]
            asked = [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "How many?"}]}]
            ts_serve.reward([chat, "4"], [4, "4"], [asked, "?"], tests=[Array(), "[]"], level=[1, 2])
            self.assertEqual(
                server.asked.pop(),
                [
                    {"id": 0, "prompt": "How many?", "reference": "4", "response": "I look it up.\n\nIt is 4.", "tests": [1, 2]},
                    {"id": 1, "prompt": "?", "reference": "4", "response": "4", "tests": "[]"},
                ],
            )
            ts_serve.compute_score("gsm8k", "4", Array(), {"index": 7, "tests": "[3]"}, reward_router_address=None)
            expected = {"data_source": "gsm8k", "reference": "[1, 2]", "response": "4", "tests": "[3]"}
            self.assertEqual(server.asked.pop(), [expected])

    def test_what_has_no_grade_has_no_score(self):
        answers = [
            CORRECT,
            {"verdict": "bad_reference", "score": 0.0},
            {"verdict": None, "error": {"kind": "out_of_fuel"}},
        ]
        logged, extra = [], []
        with Server(says(200, json.dumps({"items": answers}))) as server:
            ts_serve.URL = server.url
            scores = ts_serve.reward(
                ["", "", "", ""],
                ["1", "1", "1", None],
                log_metric=lambda *metric: logged.append(metric),
                log_extra=lambda *column: extra.append(column),
                trainer_state=None,
            )
        self.assertEqual(scores, [1.0, None, None, None])
        self.assertEqual(logged, [("ts_serve/without_grade", 0.75)])
        self.assertEqual(extra, [("ts_serve", ["correct", "bad_reference", "out_of_fuel", "bad_reference"])])


if __name__ == "__main__":
    unittest.main()
