//! Where programs stand in responses as models and their samplers leave them, by kind.

use super::*;

const F: &str = "def f(x):\n    return 2 * x";

/// The program of a response to a problem whose tests call `f`.
fn found(response: &str) -> String {
    found_after("", response)
}

fn found_after(preamble: &str, response: &str) -> String {
    let sought = Sought { preamble, ..sought(Some("f")) };
    find(response, &sought)
        .map_or("none".to_owned(), |found| found.text.trim_end().trim_start_matches('\n').to_owned())
}

fn sought(entry_point: Option<&str>) -> Sought<'_> {
    let language = &Language::Python;
    Sought { language, entry_point, names: BTreeSet::new(), reads: false, prints: false, preamble: "" }
}

#[track_caller]
fn all_hold(program: &str, responses: &[&str]) {
    for response in responses {
        let response = response.replace("F", program);
        assert_eq!(found(&response), program, "{response}");
    }
}

#[test]
fn a_fence_that_the_prompt_opened() {
    all_hold(
        F,
        &[
            "F\n```",
            "F\n```\n\nThis doubles its argument.",
            "F```",
            "F\n```<|im_end|>",
            "\nF\n~~~\nDone.",
            "python\nF\n```\n",
            "py\nF\n```\nIt doubles.",
            "F\n```\n\nExample:\n\n```python\nprint(f(2))\n```",
            "F\n```\n\nOutput:\n```\n4\n```\n",
            "F\n``` \nThis is `f`.\n",
            "F\n```\n### Explanation\nIt doubles.\n```python\nassert f(1) == 2\n```",
            "F\n[/PYTHON]\nDone.",
            "F\n[DONE]\n\nYou are an expert Python programmer, and here is your task: write a function that halves.",
            "F\n</code>\nIt doubles.",
            "F\n</answer>",
        ],
    );
    all_hold(
        "import math\n\n\ndef f(x):\n    \"\"\"Doubles.\n\n    ```\n    f(2)\n    ```\n    \"\"\"\n    return 2 * x",
        &["F\n```\nDone."],
    );
    assert_eq!(found("    return 2 * x\n```\n\nIt doubles."), "    return 2 * x");
}

#[test]
fn special_tokens_around_a_program() {
    all_hold(
        F,
        &[
            "```python\nF\n```<|im_end|>",
            "```python\nF\n```<|endoftext|>",
            "```python\nF\n```</s>",
            "```python\nF\n```<eos>",
            "```python\nF\n```<|eot_id|>\n",
            "```python\nF\n```<｜end▁of▁sentence｜>",
            "```python\nF\n```<end_of_turn>\n",
            "```python\nF\n```<|im_end|><|endoftext|>",
            "```python\nF\n``` </s> <pad><pad>",
            "```python\nF\n```[/INST]",
            "```python\nF\n```\n<|im_end|>\n<|im_start|>user\nThanks. Now halve.\n```python\ndef f(x): return x / 2\n```",
            "```python\nF\n```</answer><|im_end|>",
            "```python\nF<|im_end|>",
            "```python\nF\n<|endoftext|>Human: Write a poem.\n```python\ndef f(x): pass\n```",
            "<|im_start|>assistant\n```python\nF\n```<|im_end|>",
            "<s>```python\nF\n```</s>",
            "<|assistant|>```\nF\n```",
            "<|channel|>final<|message|>```python\nF\n```<|return|>",
            "<|start|>assistant<|channel|>final<|message|>F<|return|>",
            "F<|im_end|>",
            "F\n</s>",
            "F</s>",
            "<s>F</s>",
            "<|message|>F<|end|>",
            "F\n```<|im_end|>\n",
        ],
    );
    all_hold(
        "def f(x):\n    return x.replace('</s>', '').replace(\"<|im_end|>\", '')",
        &["F", "```python\nF\n```", "F\n```<|im_end|>"],
    );
}

#[test]
fn a_program_beside_prose() {
    all_hold(
        F,
        &[
            "Here is the solution:\n\nF\n",
            "Here is the solution:\nF",
            "F\n\nThis function doubles its argument.",
            "F\nThis function doubles its argument.",
            "Sure! Here's a function that does it:\n\nF\n\nIt uses multiplication, which isn't slow.",
            "I think we should multiply.\n\nThen return it.\n\nF\n\nNote: x may be any number.\n\nExamples:\n- f(2) is 4\n- f(3) is 6",
            "F\n\n**Explanation:** it doubles.",
            "F\n\n1. It takes x.\n2. It doubles x.",
            "To double a number, multiply it by two.\n\nF\n\nTime complexity: O(1)\nSpace complexity: O(1)",
            "F\n\nf(3) returns 6.",
            "F\n\nf(3) -> 6",
            "F\n\nExample:\n\n>>> f(2)\n4",
            "下面是代码：\n\nF\n\n这个函数返回两倍。",
            "Answer:\n\nF\n\nOutput:\n```\n4\n```",
            "Solution:\n\n    def f(x):\n        return 2 * x\n\nDone.",
            "BEGIN\nF\nEND",
            "BEGIN\nF\nDONE",
            "The code:\n\nF\n\nLet me know if you have questions!",
            "So the final program is\n\nF\n\n[DONE]",
            "Solution: F",
            "Here is the code: F\n\nIt doubles.",
            "Python\nCopy code\nF\n",
        ],
    );
    all_hold(
        "import math\n\ndef g(x):\n    return x\n\n\n# Doubles.\n@cache\ndef f(x: int) -> int:\n    \"\"\"Doubles. It is simple, as you can see.\n\n    Even so, it works.\n    \"\"\"\n    if x > 0:\n        return 2 * x\n\n    return g(x)",
        &["Here you go.\n\nF\n\nI hope that this helps."],
    );
    let fields = "from dataclasses import dataclass\n\n@dataclass\nclass P:\n    x: int\n    y: List[int]\n\n    def g(self):\n        ...\n\ndef f(x):\n    return P(x, [x]).x * 2";
    all_hold(fields, &["F", "F\n\nIt uses a class.", "F\n```\nIt uses a class.", "```\nF\n```"]);
    let read = "n = int(input())\nprint(n * 2)";
    for response in [
        format!("The solution reads n.\n\n{read}\n\nIt prints twice n."),
        format!("{read}\n\nThis reads n and prints twice as much."),
        format!("{read}\n```\nThis reads n."),
        format!("{read}<|endoftext|>"),
    ] {
        let given = find(&response, &Sought { reads: true, prints: true, ..super::wild::sought(None) });
        assert_eq!(given.map(|given| given.text.trim_end().to_owned()).as_deref(), Some(read), "{response}");
    }
}

#[test]
fn fences_of_every_form() {
    all_hold(
        F,
        &[
            "~~~python\nF\n~~~",
            "~~~~\nF\n~~~~",
            "```{.python}\nF\n```",
            "```{.python .numberLines}\nF\n```",
            "```{python}\nF\n```",
            "```python title=\"solution.py\"\nF\n```",
            "```python title=\"a\" linenums=\"1\"\nF\n```",
            "```solution.py\nF\n```",
            "```python:src/solution.py\nF\n```",
            "``` python\nF\n```",
            "```PYTHON\nF\n```",
            "````markdown\nSee below.\n````\n```python\nF\n```",
            "> ```python\n> def f(x):\n>     return 2 * x\n> ```",
            "- One:\n  ```python\n  def f(x):\n      return 2 * x\n  ```\n- Two.",
            "1. One:\n\n    ```python\n    def f(x):\n        return 2 * x\n    ```\n",
            "1. ```python\n   def f(x):\n       return 2 * x\n   ```",
            "```python\nF\n",
            "```python\nF",
            "First try:\n```python\ndef f(x): return x\n```\nThat is wrong.\n```python\nF",
            "```python\ndef f(x): return x\n\nThat is wrong. Again:\n```python\nF\n```",
            "Here is the code: ```\nF\n```",
            "```python\nF\n``` This doubles x.",
            "```python\nF\n```.",
            "Sure: ```python\nF```",
            "\t```python\n\tdef f(x):\n\t    return 2 * x\n\t```",
            "**Solution**\n\n```python\nF\n```\n\n**Test**\n\n```python\nprint(f(2))\n```\n\n**Output**\n\n```\n4\n```",
            "```python\nF\n```\n\n```bash\npython f.py\n```\n\n```json\n{\"f\": 1}\n```",
            "```\nF\n```\n```\n4\n```",
        ],
    );
    assert_eq!(found("It is ```python f = lambda x: 2 * x```"), "none");
    assert_eq!(found("```python f = lambda x: 2 * x```"), "f = lambda x: 2 * x");
    all_hold("def f(x):\n    return '```'", &["````python\nF\n````", "~~~python\nF\n~~~"]);
}

#[test]
fn tags_and_markers() {
    all_hold(
        F,
        &[
            "[PYTHON]\nF\n[/PYTHON]",
            "[python]F[/python]",
            "[PYTHON]\nF\n[/PYTHON]\n[TESTS]\nassert f(1) == 2\n[/TESTS]",
            "[BEGIN]\nF\n[DONE]",
            "[BEGIN]\nF\n[END]\nMore.",
            "[CODE]\nF",
            "<code>\nF\n</code>",
            "<code class=\"language-python\">F</code>",
            "<pre><code class=\"language-python\">\nF\n</code></pre>",
            "<pre lang=\"python\">\nF\n</pre>",
            "<pre>\nF\n</pre>\nIt doubles.",
            "<answer>\nF\n</answer>",
            "<answer>\n```python\nF\n```\n</answer>",
            "<solution>F</solution>",
            "<final_answer>\nF\n</final_answer>",
            "[PYTHON]\n```python\nF\n```\n[/PYTHON]",
            "### Response:\n\n```python\nF\n```",
        ],
    );
    let escaped =
        "<pre><code>def f(x):\n    return x if x &lt; 1 &amp;&amp; x &gt; 0 else &quot;a&quot;</code></pre>";
    assert_eq!(found(escaped), "def f(x):\n    return x if x < 1 && x > 0 else \"a\"");
    let unescaped = "<code>def f(x):\n    return x.replace('<', '&lt;')</code>";
    assert_eq!(found(unescaped), "def f(x):\n    return x.replace('<', '&lt;')");
}

#[test]
fn which_of_several() {
    let by = |names: &[&str], response: &str| {
        let sought = Sought { names: names.iter().copied().collect(), ..sought(None) };
        let response = response.to_owned();
        let names: Vec<String> = sought.names.iter().map(|name| (*name).to_owned()).collect();
        let sought = Sought { names: names.iter().map(String::as_str).collect(), ..sought };
        find(&response, &sought).map(|found| found.text.trim_end().to_owned()).unwrap_or_default()
    };
    let stack = "class Stack:\n    pass";
    let used = format!("```python\n{stack}\n```\nUse:\n```python\ns = Stack()\nassert s\n```");
    assert_eq!(by(&["assert", "Stack", "s", "len"], &used), stack);
    let pair = "def enc(x):\n    return x\n\ndef dec(x):\n    return x";
    assert_eq!(by(&["enc", "dec"], &format!("{pair}\n\nIt encodes.")), pair);
    let by_input = |response: &str| {
        let found = find(response, &Sought { reads: true, prints: true, ..sought(None) });
        found.map(|found| found.text.trim_end().to_owned()).unwrap_or_default()
    };
    let sum = "a, b = map(int, input().split())\nprint(a + b)";
    for rest in [
        "```python\nassert 3 + 4 == 7\n```",
        "```python\nprint(3 + 4)\n```",
        "```\n7\n```",
        "```text\n3 4\n```",
    ] {
        assert_eq!(by_input(&format!("```python\n{sum}\n```\nA check:\n{rest}")), sum);
    }
    assert_eq!(by_input(&format!("```python\nprint(input())\n```\nNo:\n```python\n{sum}\n```")), sum);
}

#[test]
fn reasoning_never_wins() {
    all_hold(
        F,
        &[
            "<think>\n```python\ndef f(x): return x\n```\n</think>\n\nF",
            "<think>\n```python\ndef f(x): return x\n```\n</think>\n\nHere:\n\nF\n\nDone.",
            "```python\ndef f(x): return x\n```\n</think>\n```python\nF\n```",
            "def f(x):\n    return x\n```\nno\n</think>\n\nF\n```",
        ],
    );
    assert_eq!(found("<think>\ndef f(x):\n    return x\n</think>\n\nI do not know."), "none");
    assert_eq!(found("<think>\ndef f(x):\n    return x"), "none");
    assert_eq!(
        found("```python\n# ends </think> so\ndef f(x): pass\n```"),
        "# ends </think> so\ndef f(x): pass"
    );
}

#[test]
fn what_goes_on_where_the_prompt_stopped() {
    let body = "    return 2 * x";
    for response in [
        "B",
        "B\n",
        "B\n```",
        "B\n```\nIt doubles.",
        "B<|endoftext|>",
        "B\n\nThis returns twice x.",
        "```python\nB\n```",
        "B\n\n\nThat is all.\n",
    ] {
        let response = response.replace('B', body);
        assert_eq!(found_after("def f(x):\n    \"\"\"Doubles.\"\"\"\n", &response), body, "{response}");
    }
    // A body whose last statement is not a return.
    for body in
        ["    if x:\n        return 2 * x\n    else:\n        return 0", "    for y in x:\n        print(y)"]
    {
        for response in ["B", "```python\nB\n```", "B\n```", "B\n\nThis is the body."] {
            let response = response.replace('B', body);
            assert_eq!(found_after("def f(x):\n    \"\"\"Doubles.\"\"\"\n", &response), body, "{response}");
        }
    }
    let flat = "return 2 * x";
    for response in ["B\n\nThis returns twice x.", "B\n```\nIt doubles.", "I double it:\n\nB"] {
        let prompt = "def f(x):\n    \"\"\"Doubles.\"\"\"\n";
        assert_eq!(found_after(prompt, &response.replace('B', flat)), flat, "{response}");
    }
    let prompt = "def f(x):\n    \"\"\"Doubles.\n";
    assert_eq!(
        found_after(prompt, "    Any number will do.\n    \"\"\"\n    return 2 * x<|im_end|>"),
        "    Any number will do.\n    \"\"\"\n    return 2 * x"
    );
    assert_eq!(found_after("def f(x):\n    return", " 2 * x\n"), " 2 * x");
    let echo = format!("def f(x):\n    \"\"\"Doubles.\"\"\"\n{body}");
    assert_eq!(
        found_after("def f(x):\n    \"\"\"Doubles.\"\"\"\n", &format!("{echo}\n\nThis doubles.")),
        echo
    );
}

#[test]
fn prose_alone_is_no_program() {
    for response in [
        "I would sort the list, then\nreturn it.",
        "We can import the list and\nprint the sum.",
        "for example:\n\nif x is 2, the result is 4\n\nreturn the double",
        "The answer is f(2) = 4.",
        "def is a keyword.\n\nclass is another:\n\nfor x in a list: do this",
        "x = 3 is the solution.",
        "```text\ndef f(x): return x\n```",
        "```java\nint f(int x) { return x; }\n```",
        "[DONE]",
        "</answer>",
        "```",
        "```\n```",
        "Sorry, I cannot help.</s>",
        "Time: O(n)\nSpace: O(1)",
        "1. Read n\n2. Print 2 * n",
        "pass",
    ] {
        assert!(["none", "pass"].contains(&&*found(response)), "{response}\n{}", found(response));
    }
}

#[test]
fn work_is_linear() {
    for part in [
        "F\n```\n",
        "a b\nx = 1\n",
        "> ```\n",
        "```python x```\n",
        "<|im_end|> x\n",
        "'''\n```\n",
        "<code ",
        "</s>x",
        "f(\n",
        "&lt;",
        "[done]",
        "def f(x): pass\nso it is\n",
        "|>",
    ] {
        let _ = found(&part.repeat(100_000));
        let _ = found_after("def f(x):\n    return", &part.repeat(100_000));
    }
}
