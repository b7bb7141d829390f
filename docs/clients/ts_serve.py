"""Rewards from `ts-host serve`, for TRL and for verl. The standard library is all it needs; copy the file.

In: responses and references. Out: a reward for each. A response without a grade (the grader failed or did not decide, the
reference is bad, the time was up) is never a wrong answer: `grade` says why there is none, `reward` hands None to TRL, which leaves
the response out, and `compute_score`, whose caller takes nothing but numbers, marks it `graded: 0.0`.

Settings, from the environment:

TS_SERVE_URL        where the server is: http://127.0.0.1:8377
TS_SERVE_KEY        the key to show, where the server asks for one; or
TS_SERVE_KEY_FILE   a file with nothing but the key, which is read for each request
TS_SERVE_METADATA   what the grader gets besides prompt, reference and response, such as `tests`: columns of TRL's dataset, fields of
                    verl's `extra_info`; names with commas between them, none
TS_SERVE_ITEMS      items in a request: 256
TS_SERVE_TIMEOUT    seconds for one request, from its first byte to its answer's last: 120, more than the server's --deadline
TS_SERVE_PATIENCE   seconds for one request with all that is tried again where the server is full, away or slow: 300; then an error

Left out on purpose: a connection that is kept, which gains nothing at a request for a batch; an `async` form, which would leave both
trainers waiting just as long: verl calls from many threads, and TRL waits for its rewards.
"""

import http.client
import json
import os
import socket
import threading
import time
import urllib.parse

URL = os.environ.get("TS_SERVE_URL", "http://127.0.0.1:8377")
KEY = os.environ.get("TS_SERVE_KEY", "")
KEY_FILE = os.environ.get("TS_SERVE_KEY_FILE", "")
METADATA = [name for name in os.environ.get("TS_SERVE_METADATA", "").split(",") if name]
ITEMS_AT_ONCE = int(os.environ.get("TS_SERVE_ITEMS", "256"))
TIMEOUT = float(os.environ.get("TS_SERVE_TIMEOUT", "120"))
PATIENCE = float(os.environ.get("TS_SERVE_PATIENCE", "300"))
TOO_LARGE = 413
AGAIN = (408, 429, 502, 503, 504)  # the server's own are 408 and 503, the others a proxy's


def reward(completions, reference, prompts=None, log_metric=None, log_extra=None, **columns):
    """A reward function of TRL: a score or None for each completion. `reference` is the dataset's column of that name."""
    items = []
    for index, completion in enumerate(completions):
        item = {"id": index, "reference": reference[index], "response": text_of(completion, "assistant")}
        if prompts is not None:
            item["prompt"] = text_of(prompts[index])
        item.update((name, columns[name][index]) for name in METADATA if columns.get(name) is not None)
        items.append(item)
    answers = grade(items)
    scores = [score_of(answer) for answer in answers]
    if log_metric and scores:
        log_metric("ts_serve/without_grade", scores.count(None) / len(scores))
    if log_extra:
        log_extra("ts_serve", [outcome_of(answer) for answer in answers])
    return scores


def compute_score(data_source, solution_str, ground_truth, extra_info=None, url=None, **kwargs):
    """A reward function of verl: the score, and whether there is one.

    verl has no None. A response without a grade gets 0.0 with `graded` 0.0: look at its mean in validation. More than 0.0 would
    reward responses that break their grader. `acc` is the score once more, the name that verl gives to a plain number. `url` is for
    `reward_kwargs`."""
    item = {"data_source": data_source, "reference": ground_truth, "response": solution_str}
    item.update((name, extra_info[name]) for name in METADATA if extra_info and extra_info.get(name) is not None)
    score = score_of(grade([item], url)[0])
    return {"score": score or 0.0, "acc": score or 0.0, "graded": 0.0 if score is None else 1.0}


def score_of(answer):
    """The score of a response, None if there is none."""
    return answer["score"] if answer["verdict"] in ("correct", "incorrect", "no_answer") else None


def outcome_of(answer):
    """The verdict, or why there is none, as one word."""
    return answer["verdict"] or answer["error"]["kind"]


def text_of(messages, role=None):
    """A prompt or a completion as one text: as it is, or the contents of its messages. With a role, only of those that have it: what
    a tool said between them is not the model's."""
    if isinstance(messages, str):
        return messages
    contents = [message.get("content") or "" for message in messages if role in (None, message.get("role", role))]
    return "\n".join(content if isinstance(content, str) else blocks_of(content) for content in contents)


def blocks_of(content):
    """The text of a content that comes as blocks, with images among them."""
    return "".join(block.get("text") or "" for block in content)


def grade(items, url=None):
    """The server's answer to each item, in order. An item without a reference is not sent."""
    sent = [{**item, "reference": as_text(item["reference"])} for item in items if item["reference"] is not None]
    answers = iter(post(sent, url or URL))
    nothing = {"verdict": "bad_reference", "score": 0.0, "note": "there is no reference"}
    return [nothing if item["reference"] is None else next(answers) for item in items]


def as_text(reference):
    """A reference as text: as it is, anything else as JSON."""
    return reference if isinstance(reference, str) else json.dumps(reference, default=plain)


def plain(value):
    """A value of numpy, of which datasets are full, as one of JSON."""
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"a grader gets JSON, and this is none: {value!r}")


def post(items, url):
    """The answers to any number of items."""
    parts = [items[start : start + ITEMS_AT_ONCE] for start in range(0, len(items), ITEMS_AT_ONCE)]
    return [answer for part in parts for answer in post_part(part, url)]


def post_part(items, url):
    """The answers to the items of one request; of two where one is too large."""
    status, said = post_one({"items": items}, url)
    if status == TOO_LARGE and len(items) > 1:
        half = len(items) // 2
        return post_part(items[:half], url) + post_part(items[half:], url)
    if status != 200:
        raise RuntimeError(f"ts-host serve at {url} refused the request ({status}): {said}")
    if len(said.get("items", [])) != len(items):
        raise RuntimeError(f"what is at {url} is no ts-host serve: {len(items)} items were answered with {said}")
    return said["items"]


def post_one(body, url):
    """Status and answer to one request, which is sent again while the server is full or away. Grading twice does no harm."""
    data = json.dumps(body, default=plain).encode()
    head = {"Content-Type": "application/json", **key_header()}
    give_up, pause = time.monotonic() + PATIENCE, 0.5
    while True:
        wait = pause
        try:
            status, headers, said = exchange(url, data, head, min(TIMEOUT, give_up - time.monotonic()))
            if status not in AGAIN:
                return status, json.loads(said) if status == 200 else said
            why = f"{status}: {said}"
            if headers.get("Retry-After", "").isdecimal():
                wait = int(headers["Retry-After"]) or pause
        except (OSError, ValueError, http.client.HTTPException) as error:  # no connection, no answer in time, half an answer
            why = f"{type(error).__name__}: {error}"
        if time.monotonic() + wait >= give_up:
            raise RuntimeError(f"ts-host serve at {url} gave no answer in {PATIENCE:.0f} s: {why}")
        time.sleep(wait)
        pause = min(2 * pause, 10.0)


def exchange(url, data, head, seconds):
    """Status, headers and text of the answer to one request, sent once. The connection is cut when the time is up: a socket's own
    timeout begins anew with every byte, so that a server which sends one now and then could hold a training for ever."""
    place = urllib.parse.urlsplit(url)
    kind = http.client.HTTPSConnection if place.scheme == "https" else http.client.HTTPConnection
    started = time.monotonic()
    connection = kind(place.hostname, place.port, timeout=seconds)
    connection.connect()
    cutter = threading.Timer(max(0.0, started + seconds - time.monotonic()), cut, [connection.sock])
    cutter.daemon = True
    cutter.start()
    try:
        connection.request("POST", place.path + "/v1/grade", data, head)
        response = connection.getresponse()
        return response.status, response.headers, response.read().decode(errors="replace")
    finally:
        cutter.cancel()
        connection.close()


def key_header():
    """The header that shows the key, where there is one."""
    key = KEY
    if not key and KEY_FILE:
        with open(KEY_FILE, encoding="ascii") as file:
            key = file.read().strip()
    return {"Authorization": f"Bearer {key}"} if key else {}


def cut(connected):
    """Ends a connection under whoever reads from it."""
    try:
        connected.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass  # it has just ended by itself
