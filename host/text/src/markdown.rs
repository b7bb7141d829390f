//! A text in a sentence or a cell of Markdown (CommonMark with GitHub's tables, links and formulas), as
//! nothing but itself.

use crate::line;

/// A text as itself: no table, link, image, heading, emphasis, formula or HTML begins or ends in it.
///
/// ```
/// assert_eq!(ts_text::markdown("a|b <img src=x>"), r"a\|b \<img src=x\>");
/// ```
pub fn markdown(text: &str) -> String {
    let text = line(text.trim()).to_string();
    let mut out = String::with_capacity(text.len());
    let mut before = None;
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        let after = rest.clone().next();
        let is_escaped = match c {
            '\\' | '`' | '*' | '[' | ']' | '<' | '>' | '|' | '&' | '~' | '$' | '@' => true,
            // Within a word it stands for itself.
            '_' => ![before, after].iter().all(|c| c.is_some_and(char::is_alphanumeric)),
            // Addresses become links by themselves.
            ':' => after == Some('/'),
            '.' if ends_with_www(&out) => true,
            // A list, a heading, a line under a heading.
            '.' | ')' => is_number(&out) && after.is_none_or(|c| c == ' '),
            '#' | '+' | '-' | '=' => out.is_empty(),
            _ => false,
        };
        if is_escaped {
            out.push('\\');
        }
        out.push(c);
        before = Some(c);
    }
    out
}

/// A text as code in a cell of a table.
///
/// ```
/// assert_eq!(ts_text::markdown_code("a`b|c"), r"``a`b\|c``");
/// ```
pub fn markdown_code(text: &str) -> String {
    let text = line(text).to_string().replace('|', "\\|");
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    // One space at each end is not part of the code; a fence must not touch another backtick.
    let needs_space = text.is_empty() || text.starts_with(['`', ' ']) || text.ends_with(['`', ' ']);
    let space = if needs_space { " " } else { "" };
    format!("{fence}{space}{text}{space}{fence}")
}

fn ends_with_www(text: &str) -> bool {
    text.len().checked_sub(3).and_then(|at| text.get(at..)).is_some_and(|end| end.eq_ignore_ascii_case("www"))
}

/// Whether the text so far is the number of a list.
fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_names_stay_as_they_are() {
        for name in [
            "default",
            "q_dyn-extra",
            "deepseek-r1-distill-qwen-1.5b",
            "Beta: a number (0 to 1)",
            "größer!",
            "1.5",
        ] {
            assert_eq!(markdown(name), name);
        }
    }

    #[test]
    fn nothing_begins_or_ends_in_a_text() {
        for (text, shown) in [
            ("x | y", r"x \| y"),
            ("[a](http://b)", r"\[a\](http\://b)"),
            ("![a](javascript:b)", r"!\[a\](javascript:b)"),
            ("<script>&lt;", r"\<script\>\&lt;"),
            ("www.example.org", r"www\.example.org"),
            ("a@b.org", r"a\@b.org"),
            ("# a", r"\# a"),
            ("- a", r"\- a"),
            ("12. a", r"12\. a"),
            ("    a\n\n# b", r"a\\n\\n# b"),
            ("_a_ *b* ~c~ `d` $e$", r"\_a\_ \*b\* \~c\~ \`d\` \$e\$"),
            ("\u{1b}[2J\u{202e}", r"\\u{1b}\[2J\\u{202e}"),
        ] {
            assert_eq!(markdown(text), shown);
        }
    }

    #[test]
    fn code_stays_code() {
        for (text, shown) in
            [("", "`  `"), ("a", "`a`"), ("``", "``` `` ```"), ("a\n|", r"`a\n\|`"), (" a", "`  a `")]
        {
            assert_eq!(markdown_code(text), shown);
        }
    }
}
