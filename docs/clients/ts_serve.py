"""Rewards from `ts-host serve`, for TRL and for verl. The standard library is all it needs; copy the file.

In: responses and references. Out: a reward for each. A response without a grade (the grader failed or did not decide, the
reference is bad, the time was up) is never a wrong answer: `grade` gives None for it, `reward` hands that None to TRL, which leaves the
response out, and `compute_score`, whose caller takes nothing but numbers, marks it `graded: 0.0`.

Settings, from the environment: TS_SERVE_URL (http://127.0.0.1:8377), TS_SERVE_TIMEOUT (seconds for one request, 120: more than the
server's --deadline), TS_SERVE_PATIENCE (seconds to go on trying where the server is full or away, 300).

Left out on purpose: a connection that is kept. At a request for a batch it gains nothing.
"""

import json
import os
import time
import urllib.error
import urllib.request

URL = os.environ.get("TS_SERVE_URL", "http://127.0.0.1:8377")
TIMEOUT = float(os.environ.get("TS_SERVE_TIMEOUT", "120"))
PATIENCE = float(os.environ.get("TS_SERVE_PATIENCE", "300"))
ITEMS_AT_ONCE = 256
NO_PROXY = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def reward(completions, reference, prompts=None, **kwargs):
    """A reward function of TRL: a score or None for each completion. `reference` is the dataset's column of that name; the other
    columns are in `kwargs`, and the grader gets those named in `METADATA`."""
    items = []
    for index, completion in enumerate(completions):
        item = {"id": index, "reference": reference[index], "response": text_of(completion)}
        if prompts is not None:
            item["prompt"] = text_of(prompts[index])
        for name in METADATA:
            if kwargs.get(name) is not None:
                item[name] = kwargs[name][index]
        items.append(item)
    scores = [score_of(answer) for answer in grade(items)]
    if scores and "log_metric" in kwargs:
        kwargs["log_metric"]("ts_serve/without_grade", scores.count(None) / len(scores))
    return scores


METADATA = ()  # such as ("tests",) for graders of programs


def compute_score(data_source, solution_str, ground_truth, extra_info=None, **kwargs):
    """A reward function of verl: the score, and whether there is one.

    verl has no None. A response without a grade gets 0.0 with `graded` 0.0, which verl logs: look at its mean. More than
    0.0 would reward responses that break their grader."""
    reference = ground_truth if isinstance(ground_truth, str) else json.dumps(ground_truth)
    item = {"reference": reference, "response": solution_str, "data_source": data_source}
    for name in METADATA:
        if extra_info and extra_info.get(name) is not None:
            item[name] = extra_info[name]
    score = score_of(grade([item])[0])
    return {"score": 0.0 if score is None else score, "graded": 0.0 if score is None else 1.0}


def score_of(answer):
    """The score of a response, None if there is none."""
    return answer["score"] if answer["verdict"] in ("correct", "incorrect", "no_answer") else None


def text_of(messages):
    """A prompt or completion as one text: as it is, or the contents of its messages."""
    if isinstance(messages, str):
        return messages
    return "\n".join(str(message.get("content") or "") for message in messages)


def grade(items):
    """The server's answer to each item, in order."""
    answers = []
    for start in range(0, len(items), ITEMS_AT_ONCE):
        answers += post({"items": items[start : start + ITEMS_AT_ONCE]})["items"]
    return answers


def post(body):
    """Sends one request, and again while the server is full or away. Grading twice does no harm."""
    data = json.dumps(body).encode()
    headers = {"Content-Type": "application/json"}
    give_up, pause = time.monotonic() + PATIENCE, 0.5
    while True:
        request = urllib.request.Request(URL + "/v1/grade", data, headers)
        try:
            with NO_PROXY.open(request, timeout=TIMEOUT) as response:
                return json.load(response)
        except urllib.error.HTTPError as error:
            said = error.read().decode(errors="replace")
            if error.code != 503:
                raise RuntimeError(f"ts-host serve refused the request ({error.code}): {said}") from error
            wait, why = float(error.headers.get("Retry-After", pause)), said
        except (OSError, ValueError) as error:  # no connection, no answer in time, half an answer
            wait, why = pause, str(error)
        if time.monotonic() + wait > give_up:
            raise RuntimeError(f"ts-host serve at {URL} gave no answer in {PATIENCE:.0f} s: {why}")
        time.sleep(wait)
        pause = min(2 * pause, 10.0)
