//! Where programs stand: one response a line, as models write them.

use super::*;

fn sought<'a>(language: &'a Language, entry_point: Option<&'a str>) -> Sought<'a> {
    Sought { language, entry_point, names: BTreeSet::new(), reads: false, prints: false, preamble: "" }
}

fn program(response: &str, entry_point: Option<&str>) -> Option<String> {
    let found = find(response, &sought(&Language::Python, entry_point))?;
    let shown = &response[found.place];
    assert!(shown.trim() == found.text.trim() || shown.contains('\n'), "{response}");
    Some(found.text.trim_end().to_owned())
}

fn is(response: &str, expected: &str) {
    assert_eq!(program(response, None).as_deref(), Some(expected), "{response}");
}

fn is_none(response: &str) {
    assert_eq!(program(response, None), None, "{response}");
}

#[test]
fn a_block_of_the_language() {
    is("Here:\n```python\nx = 1\n```\nDone.", "x = 1");
    is("```Python3\nx = 1\n```", "x = 1");
    is("~~~py\nx = 1\n~~~", "x = 1");
    is("````python\nx = '```'\n````", "x = '```'");
    is("Sure: ```python\nx = 1\n```", "x = 1");
    is("```python\nx = 1```", "x = 1");
    is("```python\r\nx = 1\r\n```\r\n", "x = 1");
    is("1. So:\n   ```python\n   if x:\n       y()\n   ```\n", "if x:\n    y()");
    is("```python\n    return x\n```", "    return x");
}

#[test]
fn the_last_of_several() {
    is("```python\nx = 1\n```\nBetter:\n```python\nx = 2\n```", "x = 2");
    is("```python\nx = 1\n```\nIt prints\n```\n1\n```\nRun it:\n```bash\npython a.py\n```", "x = 1");
    is("```\nx = 1\n```\nOutput:\n```\n7 8\n```", "x = 1");
    is("```python\nx = 1\n```\n```python\n>>> x\n```", "x = 1");
    is("```python\nx = 1\n```\n```python\n\n```", "x = 1");
    is_none("```json\n{\"x\": 1}\n```");
    is_none("```java\nclass A {}\n```\n```text\n1\n```");
    is_none("```\n42\n```");
}

#[test]
fn the_block_that_defines_the_function() {
    let f = |response| program(response, Some("f"));
    let with_use = "```python\ndef f(x):\n    return x\n```\nUse:\n```python\nprint(f(2))\n```";
    assert_eq!(f(with_use).as_deref(), Some("def f(x):\n    return x"));
    assert_eq!(
        f("```\ndef f(x): return x\n```\n```python\nprint(f(2))\n```").as_deref(),
        Some("def f(x): return x")
    );
    let twice = "```python\ndef f(x): return 1\n```\nNo:\n```python\nimport math\ndef f(x): return 2\n```";
    assert_eq!(f(twice).as_deref(), Some("import math\ndef f(x): return 2"));
    let solution =
        "```python\nclass Solution:\n    def f(self, x): return x\n```\n```python\nSolution().f(1)\n```";
    assert_eq!(f(solution).as_deref(), Some("class Solution:\n    def f(self, x): return x"));
    assert_eq!(f("```python\ndef ff(x): return x\n```").as_deref(), Some("def ff(x): return x"));
    assert_eq!(
        f("```python\nf = lambda x: x\n```\n```python\nf == 3\n```").as_deref(),
        Some("f = lambda x: x")
    );
}

#[test]
fn after_the_reasoning() {
    is("<think>```python\nx = 1\n```</think>\n```python\nx = 2\n```", "x = 2");
    is_none("<think>```python\nx = 1\n```</think>\nI do not know.");
    is_none("<think>```python\nx = 1\n```");
}

#[test]
fn a_block_without_an_end() {
    is("```python\nx = 1\nprint(x)", "x = 1\nprint(x)");
    is("```python\nx = 1\n```\n```python\ny = 2", "y = 2");
}

#[test]
fn a_fence_in_a_docstring_ends_nothing() {
    let program = "def f(x):\n    \"\"\"\n    ```\n    f(1)\n    ```\n    \"\"\"\n    return x";
    is(&format!("```python\n{program}\n```\n"), program);
    is("```python\nx = \"\"\"a\n```\nand so on", "x = \"\"\"a");
}

#[test]
fn tags_that_are_no_fences() {
    is("[PYTHON]\nx = f(1)\n[/PYTHON]\n", "x = f(1)");
    is("<code>\ndef f(): pass\n</code> ok", "def f(): pass");
    is("So <answer>\nimport sys\nprint(1)\n</answer>", "import sys\nprint(1)");
    is("[BEGIN]\n    return 1\n[DONE]", "    return 1");
    is("[PYTHON]\nx = f(1)", "x = f(1)");
    is_none("<answer>42 is right</answer>");
}

#[test]
fn a_response_that_is_a_program() {
    is("def f(x):\n    return x\n", "def f(x):\n    return x");
    is("<think>hm</think>\n\nn = int(input())\nprint(n * n)\n", "n = int(input())\nprint(n * n)");
    is("    if x:\n        return 1\n    return 0\n", "    if x:\n        return 1\n    return 0");
    is(
        "a, b = map(int, input().split())\nprint(a\n  + b)\n# done",
        "a, b = map(int, input().split())\nprint(a\n  + b)\n# done",
    );
    is("def f(:\n  pass", "def f(:\n  pass");
    is(
        "'''A text\nof lines'''\nimport sys\nsys.stdout.write('7')",
        "'''A text\nof lines'''\nimport sys\nsys.stdout.write('7')",
    );
    is("x = 1; \\\ny = 2\nd[x] = y\nx.y.z()", "x = 1; \\\ny = 2\nd[x] = y\nx.y.z()");
}

#[test]
fn prose_is_no_program() {
    is_none("");
    is_none("The answer is 7.");
    is_none("I would sort the list, then return the first.\nfor each number, add it");
    is_none("def is a keyword of Python.");
    is_none("# Solution\n\nWe sort.\n\nreturn the list");
    is_none("42\n");
    is_none("- f(x) is 2\n- g(x) is 3");
}

#[test]
fn other_languages() {
    let found = |response, language| {
        find(response, &sought(&Language::named(language), None)).map(|found| found.text)
    };
    assert_eq!(
        found("```js\nlet x = 1;\n```\n```python\nx\n```", "javascript").as_deref(),
        Some("let x = 1;\n")
    );
    assert_eq!(
        found("const f = (x) => {\n  return x;\n};", "js").as_deref(),
        Some("const f = (x) => {\n  return x;\n};")
    );
    assert_eq!(found("Let us sort it.\nThen return;", "js"), None);
    assert_eq!(found("```lua\nprint(1)\n```", "lua").as_deref(), Some("print(1)\n"));
    let by_name =
        |response: String| find(&response, &sought(&Language::JavaScript, Some("f"))).map(|found| found.text);
    for defined in
        ["function f(x) {\n}\n", "var f = function(x) {\n};\n", "class Solution {\n  f(x) {\n  }\n}\n"]
    {
        assert_eq!(by_name(format!("```js\n{defined}```\n```js\nf(2);\n```")).as_deref(), Some(defined));
    }
}

#[test]
fn long_responses_take_no_time() {
    for part in [
        "```\n",
        "```python\n\"\"\"\n",
        "\"\"\"```\n",
        "<code>",
        "[PYTHON]\nx = [\n",
        "~~~\n```\n",
        "a = '\\\n",
    ] {
        let _ = find(&part.repeat(100_000), &sought(&Language::Python, Some("f")));
    }
}
