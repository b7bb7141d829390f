"""Writes the parquet files of this folder, with pyarrow: rows made up here, columns named and nested as the sets are published.

    python tests/data/import/make.py
"""

import base64
import datetime
import json
import pickle
import zlib
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

HERE = Path(__file__).parent


def write(name, rows, **options):
    pq.write_table(pa.Table.from_pylist(rows), HERE / name, **options)


def verl(index, question, answer, prompt):
    return {
        "data_source": "openai/gsm8k",
        "prompt": [{"content": prompt, "role": "user"}],
        "ability": "math",
        "reward_model": {"ground_truth": answer, "style": "rule"},
        "extra_info": {"answer": f"... #### {answer}", "index": index, "question": question, "split": "train"},
    }


def openr1(uuid, problem, answer, generations, kind="math-word-problem"):
    return {
        "problem": problem,
        "solution": f"So it is $\\boxed{{{answer}}}$.",
        "answer": answer,
        "problem_type": "Algebra",
        "question_type": kind,
        "source": "olympiads",
        "uuid": uuid,
        "is_reasoning_complete": [True] * len(generations),
        "generations": generations,
        "correctness_math_verify": [True] * len(generations),
        "correctness_llama": None,
        "finish_reasons": ["stop"] * len(generations),
        "correctness_count": len(generations),
        "messages": [{"role": "user", "content": problem}, {"role": "assistant", "content": generations[0]}],
    }


gsm8k = [
    {"question": "Ann has 3 bags of 4 apples. How many apples?", "answer": "3*4=<<3*4=12>>12\n#### 12"},
    {"question": "A house costs $1,000 and another as much. Together?", "answer": "2*1000=2000\n#### 2,000"},
    {"question": "What is 7 less than 3?", "answer": "3-7=-4\n#### -4"},
]
write("gsm8k.parquet", gsm8k, compression="snappy")
write(
    "math-500.parquet",
    [
        {"problem": "What is $\\frac{1}{2}+\\frac{1}{4}$?", "solution": "$\\boxed{\\frac{3}{4}}$", "answer": "\\frac{3}{4}",
         "subject": "Prealgebra", "level": 2, "unique_id": "test/prealgebra/1.json"},
        {"problem": "Solve $x^2=4$, $x>0$.", "solution": "$\\boxed{2}$", "answer": "2", "subject": "Algebra", "level": 1,
         "unique_id": "test/algebra/2.json"},
    ],
    compression="gzip",
)
write(
    "aime.parquet",
    [{"id": 60, "problem": "Find it.", "solution": "It is 204.", "answer": "204", "url": "https://example.com", "year": "2024"}],
    compression="zstd",
)
write(
    "openr1-math.parquet",
    [
        openr1("u-1", "What is $1+1$?", "2", ["<think>\n1+1\n</think>\n\n$\\boxed{2}$", "<think>\nit is 3?\n</think>\n\n$\\boxed{3}$"]),
        openr1("u-2", "Which of A) 1 and B) 2 is even?", "B", ["<think>\neven\n</think>\n\n$\\boxed{B}$"], "MCQ"),
    ],
    compression="zstd",
    data_page_version="2.0",
)
write(
    "deepscaler.parquet",
    [{"problem": "What is $2^{10}$?", "answer": "1024", "solution": "Double ten times."},
     {"problem": "What is $\\sqrt{16}$?", "answer": "4", "solution": ""}],
    compression="lz4",
)
write(
    "verl.parquet",
    [
        verl(0, gsm8k[0]["question"], "12", gsm8k[0]["question"] + ' Let\'s think step by step and output the final answer after "####".'),
        verl(1, gsm8k[2]["question"], "-4", gsm8k[2]["question"]),
    ],
    compression="snappy",
)
write(
    "gpqa.parquet",
    [{"Record ID": "rec1", "Question": "Which is heaviest?", "Correct Answer": "Lead\n", "Incorrect Answer 1": "Wood", "Incorrect Answer 2": "Cork",
      "Incorrect Answer 3": "Wool", "Subdomain": "Chemistry (general)", "High-level domain": "Chemistry", "Explanation": "By density."}],
    compression="snappy",
)
write(
    "humaneval.parquet",
    [{"task_id": "HumanEval/0", "prompt": 'def twice(x):\n    """ Twice x. """\n', "canonical_solution": "    return 2 * x\n",
      "test": "\n\nMETADATA = {}\n\n\ndef check(candidate):\n    assert candidate(2) == 4\n", "entry_point": "twice"}],
    compression="snappy",
)
write(
    "mbpp.parquet",
    [{"task_id": 601, "text": "Write a function to add.", "code": "def add(a, b):\r\n  return a + b", "test_list": ["assert add(1, 2) == 3"],
      "test_setup_code": "", "challenge_test_list": []}],
    compression="snappy",
)
write(
    "mbpp-sanitized.parquet",
    [{"source_file": "Benchmark.ipynb", "task_id": 2, "prompt": "Write a function to halve.", "code": "def halve(x): return x / 2",
      "test_imports": ["import math"], "test_list": ["assert math.isclose(halve(3), 1.5)"]}],
    compression="snappy",
)


def livecodebench(question, tests, private, difficulty, starter="", metadata=None):
    return {
        "question_title": question, "question_content": f"Problem {question}.", "platform": "atcoder", "question_id": question,
        "contest_id": "abc300", "contest_date": datetime.datetime(2024, 9, 28), "starter_code": starter, "difficulty": difficulty,
        "public_test_cases": json.dumps(tests), "private_test_cases": private, "metadata": json.dumps(metadata or {}),
    }


stdin = [{"input": "1 2\n", "output": "3\n", "testtype": "stdin"}]
# Private tests as they are published: JSON in a pickle, compressed, in base64.
packed = base64.b64encode(zlib.compress(pickle.dumps(json.dumps([{"input": "3 4\n", "output": "7\n", "testtype": "stdin"}])))).decode()
calls = [{"input": "[1, 2]\n1", "output": "true", "testtype": "functional"}]
write(
    "livecodebench.parquet",
    [livecodebench("abc300_a", stdin, packed, "easy"),
     livecodebench("2828", calls, "[]", "medium", "class Solution:\n    def has(self, xs: List[int], x: int) -> bool:\n        ", {"func_name": "has"})],
    compression="zstd",
)
# Our own columns, one prompt a conversation.
talk = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "What is 20 + 3?"}]
write(
    "problems.parquet",
    [{"id": "a", "prompt": talk, "reference": "23", "difficulty": 1}, {"id": "b", "prompt": talk[1:] , "reference": "23", "difficulty": None}],
    compression="none",
)
# A text of 140 MB, longer than any row may be, in a few kilobytes.
write("long.parquet", [{"question": "0" * 140_000_000, "answer": "#### 0"}], compression="zstd", compression_level=19)
