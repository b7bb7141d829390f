//! Running a template that a stranger wrote.
//!
//! In: the template and what it may read. Out: its text, or why there is none. Every instruction and every
//! byte that a template makes is paid for from a budget of fuel, which grows with the messages, so that
//! neither loops nor texts that double come far; [`methods`](super::methods) pays for what Python's methods
//! do. What nests, a template's syntax and the lists that it makes, is walked by recursion: so all of it
//! happens on a thread with a stack that is deep enough for the deepest that the budget can pay for.
//!
//! What fuel does not pay for, [`process`](super::process) bounds.
//!
//! Templates have no clock: the same template ends in the same way on every machine.

use std::collections::BTreeMap;
use std::error::Error as _;
use std::path::Path;
use std::thread;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Serde, ValueKind};
use minijinja::{Environment, Error, ErrorKind, Value, context};
use serde::{Deserialize, Serialize};

use super::{Message, TemplateOptions, dialect, methods, python_json};
use crate::error::ModelError;

/// Fuel of every rendering: instructions, or 64 bytes each. The templates of known models take a few hundred
/// a message.
const FUEL: u64 = 200_000;

/// Fuel for each byte of the messages. A pass over a text costs a 64th.
const FUEL_PER_BYTE: u64 = 4;

/// Bytes that a template may write beside the messages.
const MAX_ADDED_BYTES: usize = 1 << 20;

/// How often a template may repeat the messages.
const MAX_COPIES: usize = 4;

/// Bytes of the stack, of address space: what is not used takes no memory.
const STACK_BYTES: usize = 256 << 20;

/// Most characters of what a template says when it fails.
const MAX_REASON_CHARS: usize = 1000;

/// What a template may read.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Values {
    pub(super) messages: Vec<Message>,
    pub(super) add_generation_prompt: bool,
    pub(super) tokens: BTreeMap<String, String>,
    pub(super) options: TemplateOptions,
}

/// Why there is no text.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Failed {
    /// The template is wrong, or raised.
    Template(String),
    /// It asked for too much.
    Bounds(String),
}

impl Failed {
    /// The error, with the template's file.
    pub(super) fn at(self, path: &Path) -> ModelError {
        let path = path.to_owned();
        match self {
            Self::Template(reason) => ModelError::ChatTemplate { path, reason },
            Self::Bounds(reason) => ModelError::ChatTemplateBounds { path, reason },
        }
    }
}

/// The text of a template, rendered in this process.
pub(super) fn render_here(source: &str, values: &Values) -> Result<String, Failed> {
    thread::scope(|scope| {
        let work = || render_on_this_thread(source, values);
        let thread =
            thread::Builder::new().name("template".into()).stack_size(STACK_BYTES).spawn_scoped(scope, work);
        let bounds = |reason: &str| Failed::Bounds(reason.to_owned());
        thread
            .map_err(|_| bounds("has no thread to run on"))?
            .join()
            .map_err(|_| bounds("made its engine panic"))?
    })
}

fn render_on_this_thread(source: &str, values: &Values) -> Result<String, Failed> {
    let message_bytes: usize = values.messages.iter().map(|message| message.content.len()).sum();
    let fuel = FUEL + FUEL_PER_BYTE * message_bytes as u64;
    let text = try_render(source, values, fuel).map_err(|error| failed(&error, fuel))?;
    let most = MAX_ADDED_BYTES + MAX_COPIES * message_bytes;
    if text.len() > most {
        return Err(Failed::Bounds(format!("wrote {} bytes, {most} at most are taken", text.len())));
    }
    Ok(text)
}

fn try_render(source: &str, values: &Values, fuel: u64) -> Result<String, Error> {
    let Values { messages, add_generation_prompt, tokens, options } = values;
    let mut environment = Environment::new();
    // The settings of transformers' own environment.
    environment.set_syntax(SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build()?);
    environment.set_fuel(Some(fuel));
    environment.set_unknown_method_callback(methods::call);
    environment.add_filter("tojson", python_json::tojson);
    environment.add_test("iterable", is_iterable);
    environment.add_function("raise_exception", |message: &str| -> Result<String, Error> {
        Err(Error::new(ErrorKind::InvalidOperation, shortened(message)))
    });
    if let Some(date) = options.date {
        environment.add_function("strftime_now", move |format: &str| {
            jiff::fmt::strtime::format(format, date.at(0, 0, 0, 0))
                .map_err(|error| Error::new(ErrorKind::InvalidOperation, shortened(&error.to_string())))
        });
    }
    let turn =
        |message: &Message| context! { role => message.role.as_str(), content => message.content.as_str() };
    let messages: Vec<Value> = messages.iter().map(turn).collect();
    // What transformers gives besides; values of the recipe come last and win.
    let given = context! { messages, add_generation_prompt, tools => (), documents => () };
    let named = Value::from(Serde(tokens));
    let chosen = Value::from(Serde(&options.values));
    environment
        .template_from_str(&dialect::translated(source))?
        .render(context! { ..chosen, ..context! { ..named, ..given } })
}

/// Whether Python can iterate over a value: over `none`, to the engine an empty list, it cannot.
fn is_iterable(value: &Value) -> bool {
    !matches!(value.kind(), ValueKind::None | ValueKind::Bool | ValueKind::Number)
}

/// What an error says, and its causes.
fn failed(error: &Error, fuel: u64) -> Failed {
    if error.kind() == ErrorKind::OutOfFuel {
        return Failed::Bounds(format!("did not end within {fuel} units of work"));
    }
    let mut reason = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause.filter(|_| reason.len() < MAX_REASON_CHARS) {
        reason.push_str(": ");
        reason.push_str(&error.to_string());
        cause = error.source();
    }
    Failed::Template(shortened(&reason))
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(MAX_REASON_CHARS) {
        None => text.to_owned(),
        Some((end, _)) => format!("{} … ({} bytes)", &text[..end], text.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(source: &str) -> Result<String, Failed> {
        let tokens = [("bos_token", "<s>"), ("eos_token", "</s>")];
        let tokens = tokens.map(|(name, text)| (name.to_owned(), text.to_owned())).into();
        let messages = vec![Message::user("What is 1 + 1?")];
        let options = TemplateOptions {
            date: Some("2026-03-07".parse().unwrap()),
            values: [("enable_thinking".to_owned(), false.into())].into(),
        };
        render_here(source, &Values { messages, add_generation_prompt: true, tokens, options })
    }

    #[track_caller]
    fn too_much(source: &str) {
        let shown: String = source.chars().take(100).collect();
        match of(source) {
            Err(Failed::Bounds(_)) => {}
            // The engine has bounds of its own.
            Err(Failed::Template(reason)) if reason.contains("too large") || reason.contains("limit") => {}
            Err(Failed::Template(reason)) => panic!("{shown}: {reason}"),
            Ok(text) => panic!("{shown}: {} bytes", text.len()),
        }
    }

    #[test]
    fn loops_end() {
        too_much("{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}");
        too_much("{% macro f() %}{{ f() }}{{ f() }}{% endmacro %}{{ f() }}");
        too_much("{% for a in range(100000) recursive %}{{ loop([1, 2]) }}{% endfor %}");
    }

    /// Each makes a text that doubles, by another operator, filter or method.
    #[test]
    fn what_doubles_ends() {
        let doubling = |start: &str, step: &str| {
            format!(
                "{{% set n = namespace(x={start}) %}}{{% for i in range(60) %}}{{% set n.x = {step} %}}{{% endfor %}}{{{{ n.x|length }}}}"
            )
        };
        for (start, step) in [
            ("'ab'", "n.x ~ n.x"),
            ("'ab'", "n.x + n.x"),
            ("'ab'", "n.x * 2"),
            ("'ab'", "n.x|replace('a', 'aab')"),
            ("'ab'", "n.x.replace('a', 'aab')"),
            ("'ab'", "n.x.replace('', 'ab')"),
            ("'ab'", "[n.x, n.x]|join"),
            ("'ab'", "n.x.join([n.x, n.x])"),
            ("'ab'", "''.join([n.x, n.x])"),
            ("'ab'", "'%s%s'|format(n.x, n.x)"),
            ("'ab'", "'{}{}'.format(n.x, n.x)"),
            ("'ab'", "'{0}{0}'.format(n.x)"),
            ("'a\nb'", "n.x|indent(9999) ~ n.x"),
            ("'ab'", "(n.x, n.x)|string"),
            ("'ab'", "(n.x|list + n.x|list)|join"),
            ("'ab'", "n.x|tojson ~ n.x|tojson"),
            ("'ab'", "[n.x, n.x]|pprint"),
        ] {
            too_much(&doubling(start, step));
        }
    }

    #[test]
    fn a_single_large_step_ends() {
        for source in [
            "{{ 'a' * 9999999999 }}",
            "{{ [1] * 9999999999 }}",
            "{{ '%999999999d'|format(1) }}",
            "{{ '%.999999999f'|format(1.5) }}",
            "{{ ('a' * 6000000).replace('a', 'b' * 6000000) }}",
            "{{ ('a' * 3000000).join(['x'] * 3000) }}",
            "{{ ('a' * 3000000).strip('b' * 3000000 ~ 'a') }}",
            "{% for i in range(90000) %}{% set x = ('a' * 6000000).find('b') %}{% endfor %}",
            "{% set s = 'a' * 6000000 %}{% for i in range(90000) %}{% set x = s.count('b') %}{% endfor %}",
            "{{ ('{0}' * 100000).format('a' * 100000) }}",
            "{{ ('a' * 9000000).split('')|length }}",
            "{{ ('\\n' * 9000000).splitlines()|length }}",
            "{{ range(99999)|list|batch(1)|list|slice(99999)|list|string|length }}",
            "{{ 'a' * 5000000 }}",
        ] {
            too_much(source);
        }
        for width in ["{:999999999}", "{:.999999999f}", "{:{}}"] {
            assert!(of(&format!("{{{{ '{width}'.format(1, 999999999) }}}}")).is_err(), "{width}");
        }
    }

    #[test]
    fn what_nests_deeply_takes_no_stack_that_is_not_there() {
        let n = 60_000;
        for source in [
            format!("{{{{ {} true }}}}", "not ".repeat(n)),
            format!("{{{{ {}1 }}}}", "-".repeat(n)),
            format!("{{{{ {}1{} }}}}", "(".repeat(n), ")".repeat(n)),
            format!("{{{{ {}1{} }}}}", "[".repeat(n), "]".repeat(n)),
            format!("{{{{ a{} }}}}", ".b".repeat(n)),
            format!("{{{{ a{} }}}}", "[0]".repeat(n)),
            format!("{{{{ 1{} }}}}", "+1".repeat(n)),
            format!("{{{{ 1{} }}}}", " and 1".repeat(n / 2)),
            format!("{{{{ 1{} }}}}", "|int".repeat(n)),
            format!("{{{{ 1{} }}}}", " if 1 else 1".repeat(n / 4)),
            format!("{{{{ 1{} }}}}", "**1".repeat(n)),
            format!("{{{{ 1{} }}}}", " is true".repeat(n / 4)),
            "{% if 1 %}".repeat(n / 4),
            "{% for i in [1] %}".repeat(n / 6),
            format!("{{% set n = namespace(x=[]) %}}{{% for i in range({n}) %}}{{% set n.x = [n.x] %}}{{% endfor %}}x"),
            format!("{{% set n = namespace(x=[]) %}}{{% for i in range({n}) %}}{{% set n.x = {{'a': n.x}} %}}{{% endfor %}}{{{{ n.x }}}}"),
            format!("{{% set n = namespace(x=[], y=[]) %}}{{% for i in range({}) %}}{{% set n.x = [n.x] %}}{{% set n.y = [n.y] %}}{{% endfor %}}{{{{ n.x == n.y }}}}", n / 2),
            "{% macro f(x) %}{{ f(x) }}{% endmacro %}{{ f(1) }}".to_owned(),
            "{% macro f(x) %}{{ caller() }}{% call f(1) %}{% endcall %}{% endmacro %}{% call f(1) %}{% endcall %}".to_owned(),
        ] {
            // Whether it is taken is the engine's to say. What counts is that this goes on.
            drop(of(&source));
        }
    }

    #[test]
    fn what_a_template_says_is_short() {
        let Err(Failed::Template(reason)) = of("{{ raise_exception('a' * 100000) }}") else {
            panic!("it did not raise")
        };
        assert!(reason.contains("aaa") && reason.len() < 1200, "{} bytes", reason.len());
        let Err(Failed::Template(reason)) = of(&format!("{{{{ 1|{} }}}}", "a".repeat(100_000))) else {
            panic!("no error")
        };
        assert!(reason.len() < 1200, "{} bytes", reason.len());
    }

    #[test]
    fn methods_work_as_in_python() {
        for (source, text) in [
            ("'a,b'.replace(',', '')", "ab"),
            ("'aaa'.replace('a', 'b', 2)", "bba"),
            ("'-'.join(['a', 'b'])", "a-b"),
            ("'-'.join('ab')", "a-b"),
            ("'{} {1:>3}'.format(1, 2)|length", "err"),
            ("'{:>3}|{}'.format(2, 'x')", "  2|x"),
            ("'xxaxx'.strip('x')", "a"),
            ("[1, 2, 1].count(1)", "2"),
            ("'a b'.split(' ')[-1]", "b"),
            ("{'a': 1}.get('a')", "1"),
            ("{'a': 1}.get('b', 2)", "2"),
            ("'abc'.startswith('ab')", "True"),
            ("'abc'.startswith(('x', 'a'))", "True"),
            ("{'a': 1}.items()|list|length", "1"),
            ("'a\\nb'.splitlines()|length", "2"),
            ("'aXa'.lower()", "axa"),
        ] {
            match (of(&format!("{{{{ {source} }}}}")), text) {
                (Ok(found), text) => assert_eq!(found, text, "{source}"),
                (Err(_), "err") => {}
                (Err(error), _) => panic!("{source}: {error:?}"),
            }
        }
    }

    #[test]
    fn what_transformers_gives_is_there() {
        for (source, text) in [
            ("{{ bos_token }}{{ unk_token is defined }}", "<s>False"),
            ("{{ tools is none }}{{ documents is none }}{{ tools is iterable }}", "TrueTrueFalse"),
            (
                "{{ 'a' is iterable }}{{ [] is iterable }}{{ {} is iterable }}{{ 1 is iterable }}",
                "TrueTrueTrueFalse",
            ),
            ("{% if enable_thinking is defined and not enable_thinking %}no{% endif %}", "no"),
            ("{{ strftime_now('%d %b %Y, %A') }}", "07 Mar 2026, Saturday"),
            ("{% for i in [1, 2, 3] %}{% if i == 2 %}{% break %}{% endif %}{{ i }}{% endfor %}", "1"),
            ("{% generation %}a{% endgeneration %}", "a"),
            ("{{ '%s is %02d' % ('x', 7) }}", "x is 07"),
            (
                "{{ {'b': [1, 2.0, true, none], 'a': \"<it's>\\n\"}|tojson }}",
                r#"{"b": [1, 2.0, true, null], "a": "<it's>\n"}"#,
            ),
            ("{{ {'b': 1, 'a': []}|tojson(indent=2, sort_keys=true) }}", "{\n  \"a\": [],\n  \"b\": 1\n}"),
            ("{{ [1, 'é']|tojson(separators=(',', ':'), ensure_ascii=true) }}", r#"[1,"\u00e9"]"#),
        ] {
            assert_eq!(of(source).unwrap(), text, "{source}");
        }
    }
}
