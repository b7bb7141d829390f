//! Special tokens: what a model's template puts around a response, and a sampler sometimes leaves in it.
//!
//! In: a text. Out: where the response ends, or a line without the tokens at its end. Tokens within a
//! program's own texts, which are followed by more of their line, stay.

/// End a response, or a turn of it.
const ENDS: &[&str] = &[
    "<|im_end|>",
    "<|endoftext|>",
    "<|end_of_text|>",
    "<|eot_id|>",
    "<|eom_id|>",
    "<|eos|>",
    "<|end|>",
    "<|return|>",
    "<|end_of_turn|>",
    "<|user|>",
    "<|EOT|>",
    "<|end_of_sentence|>",
    "<｜end▁of▁sentence｜>",
    "<end_of_turn>",
    "<end_of_utterance>",
    "<EOT>",
    "<eot>",
    "<eos>",
    "<EOS>",
    "<pad>",
    "</s>",
    "[EOS]",
    "[/INST]",
    "[end of text]",
];
/// Begin another part of the same response.
const GOES_ON: &[&str] = &[
    "<|start|>assistant",
    "<|im_start|>assistant",
    "<|start_header_id|>assistant",
    "<|assistant|>",
    "<start_of_turn>model",
    "<|channel|>",
];
/// Bytes of the longest token that a line is freed of.
const LONGEST: usize = 48;

/// A text up to the token that ends it. A token that nothing stands before ends nothing.
pub(super) fn up_to_end(text: &str) -> &str {
    let mut from = 0;
    while let Some(at) = text[from..].find(['<', '[']).map(|at| from + at) {
        from = at + 1;
        let Some(token) = ENDS.iter().find(|token| text[at..].starts_with(**token)) else { continue };
        let rest = &text[at + token.len()..];
        let line = rest.split(['\n', '<']).next().unwrap_or_default();
        let ends = line.trim().is_empty() || !is_within_text(&text.as_bytes()[..at]);
        let goes_on = GOES_ON.iter().any(|begin| rest.trim_start().starts_with(begin));
        if ends && !goes_on && !text[..at].trim().is_empty() {
            return &text[..at];
        }
    }
    text
}

/// Whether what follows may stand in a text in quotes, or in a comment, by what stands before it on its line.
fn is_within_text(before: &[u8]) -> bool {
    const FAR: usize = 400;
    let line = before.iter().rev().take(FAR).take_while(|byte| **byte != b'\n');
    let (mut single, mut double, mut has_comment) = (0, 0, false);
    for byte in line {
        single += usize::from(*byte == b'\'');
        double += usize::from(*byte == b'"');
        has_comment |= *byte == b'#';
    }
    single % 2 == 1 || double % 2 == 1 || has_comment
}

/// A line without white space, special tokens and tags (`<|im_end|>`, `</answer>`, `[DONE]`) at its end.
pub(super) fn without_tokens(line: &str) -> &str {
    let mut line = line.trim_end();
    while let Some(start) = last_token(line) {
        line = line[..start].trim_end();
    }
    line
}

/// Where the token begins that ends a line.
fn last_token(line: &str) -> Option<usize> {
    let close = line.chars().next_back().filter(|c| matches!(c, '>' | ']'))?;
    let open = if close == '>' { '<' } else { '[' };
    let from = line.len() - line.len().min(LONGEST);
    let from = (from..line.len()).find(|at| line.is_char_boundary(*at))?;
    let start = from + line[from..].rfind(open)?;
    let name = &line[start + 1..line.len() - 1];
    let inner = name.trim_start_matches(['/', '|', '｜']).trim_end_matches(['|', '｜']);
    let is_bracketed = |c: char| c.is_ascii_uppercase() || c == '_';
    let is_name = match open {
        '<' => inner.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '▁')),
        _ => inner.chars().all(is_bracketed) || inner == "end of text",
    };
    (is_name && !inner.is_empty()).then_some(start)
}

/// What follows the special tokens (`<|message|>`, `<s>`) that a line begins with; of a template's header,
/// what follows its last token.
pub(super) fn after_tokens(line: &str) -> &str {
    let mut rest = line;
    while let Some(end) = rest.find("|>").filter(|_| rest.starts_with("<|")) {
        rest = &rest[end + 2..];
        let role = rest.trim_start_matches(|c: char| c.is_ascii_alphanumeric());
        if role.starts_with("<|") {
            rest = role;
        }
    }
    rest.trim_start_matches("<s>").trim_start_matches("<bos>")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_at_the_end_of_a_line_ends_a_response() {
        for (text, kept) in [
            ("x = 1<|im_end|>", "x = 1"),
            ("x = 1</s>\n\nQuestion: what?", "x = 1"),
            ("```<|im_end|>\n<|im_start|>user\nmore", "```"),
            (
                "a<|end|><|start|>assistant<|channel|>final<|message|>b<|return|>",
                "a<|end|><|start|>assistant<|channel|>final<|message|>b",
            ),
            ("x = 1<｜end▁of▁sentence｜>", "x = 1"),
            ("<|endoftext|>x = 1", "<|endoftext|>x = 1"),
            ("t = t.replace('</s>', '')\nu", "t = t.replace('</s>', '')\nu"),
            ("t = '<|endoftext|>'\nu", "t = '<|endoftext|>'\nu"),
            ("a[i] < b", "a[i] < b"),
        ] {
            assert_eq!(up_to_end(text), kept, "{text}");
        }
    }

    #[test]
    fn a_line_is_freed_of_the_tokens_around_it() {
        for (line, kept) in [
            ("```<|im_end|>\n", "```"),
            ("``` </answer></s>", "```"),
            ("```[DONE]", "```"),
            ("```[/PYTHON]", "```"),
            ("x = a[i]", "x = a[i]"),
            ("if a < b > c", "if a < b > c"),
            ("<>", "<>"),
            ("```", "```"),
        ] {
            assert_eq!(without_tokens(line), kept, "{line}");
        }
        assert_eq!(after_tokens("<|channel|>final<|message|>def f"), "def f");
        assert_eq!(after_tokens("<s>def f"), "def f");
    }
}
