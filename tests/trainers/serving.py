"""A `ts-host serve` that a test starts, kills and starts again.

In: the binary (TS_HOST) and the grader (TS_GRADER), both from the environment. Out: [`Server`]. A test that takes ten minutes fails,
and says where it stood.
"""

import faulthandler
import os
import pathlib
import signal
import subprocess
import sys
import threading
import time
import urllib.request

faulthandler.dump_traceback_later(600, exit=True)
CLIENT = pathlib.Path(__file__).parents[2] / "docs" / "clients" / "ts_serve.py"
sys.dont_write_bytecode = True
sys.path.insert(0, str(CLIENT.parent))


class Server:
    """A server with flags of the test's, at one address for as long as the test lasts."""

    def __init__(self, *flags):
        self.flags, self.address, self.interrupted = flags, "127.0.0.1:0", 0
        self.start()

    def start(self):
        command = [os.environ["TS_HOST"], "serve", "--plugin", os.environ["TS_GRADER"], "--listen", self.address, *self.flags]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        ready = self.process.stderr.readline()
        while ready.startswith(("compiling ", "compiled ")):
            ready = self.process.stderr.readline()
        assert "http://" in ready, ready + self.process.stderr.read()
        self.address = ready.split("http://")[1].split(",")[0].strip()
        self.url = f"http://{self.address}"

    def end(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        self.process.communicate()

    def metric(self, line):
        """The value of one line of /metrics, 0 where there is none yet."""
        text = urllib.request.urlopen(self.url + "/metrics", timeout=10).read().decode()
        return sum(float(each.rsplit(" ", 1)[1]) for each in text.splitlines() if each.startswith(line))

    def kill_in_the_middle(self, away_s):
        """Kills the server once it grades something, and starts it again after a while. Gives the thread that does so."""

        def work():
            while self.metric("ts_serve_in_flight_items") == 0:
                time.sleep(0.002)
            self.end(signal.SIGKILL)
            time.sleep(away_s)
            self.start()
            self.interrupted += 1

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        return thread

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()
