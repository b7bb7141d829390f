//! Text into tokens: LaTeX, plain notation and Unicode signs come out alike.
//!
//! `\frac`, `½` and `1/2` need different grammar, but `\le`, `<=` and `≤` do not: they are one token.
//! Commands that only set type (`\left`, `\displaystyle`, `\,`) vanish; `\text{…}` and its kin become one
//! token with their content. A word is a run of letters; where it names something (`pi`, `sqrt`, `and`) it is
//! that command.
//!
//! In: text of at most [`crate::MAX_BYTES`]. Out: tokens, each with whether a space stood before it.
//! What a token means in its place, the parser decides.

use super::names::{self, Command};

/// One token.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Token {
    /// Digits, at most one decimal point among them; separators of thousands that LaTeX marks are gone.
    Number(String),
    /// One letter.
    Letter(char),
    /// Two letters or more that name nothing known.
    Word(String),
    /// Something with a name.
    Command(Command),
    /// The content of `\text{…}` and its kin.
    Text(String),
    /// `\begin{…}`, by its environment, and `\end{…}`.
    Begin(String),
    End,
    /// `\\` between rows.
    Row,
    /// Any other sign, itself.
    Sign(char),
}

/// A token and what stood before it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Placed {
    pub(crate) token: Token,
    /// Whether white space stood before it.
    pub(crate) spaced: bool,
}

/// Reads a text as tokens. Never fails: what is unknown is a sign or a word, which the parser may refuse.
pub(crate) fn tokens(text: &str) -> Vec<Placed> {
    let dollars = text.replace("\\$", "").matches('$').count();
    let out = Vec::with_capacity(text.len() / 2 + 1);
    let mut lexer = Lexer { rest: text, spaced: false, delimiting: dollars.is_multiple_of(2), out };
    while let Some(c) = lexer.rest.chars().next() {
        lexer.step(c);
    }
    lexer.out
}

struct Lexer<'a> {
    rest: &'a str,
    spaced: bool,
    /// Whether `$` delimits formulas; where one is left over, it is a currency.
    delimiting: bool,
    out: Vec<Placed>,
}

impl<'a> Lexer<'a> {
    fn push(&mut self, token: Token) {
        self.out.push(Placed { token, spaced: std::mem::take(&mut self.spaced) });
    }

    fn command(&mut self, command: Command) {
        self.push(Token::Command(command));
    }

    /// Takes the first `length` bytes of what is left.
    fn take(&mut self, length: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at(length);
        self.rest = rest;
        taken
    }

    fn step(&mut self, c: char) {
        if c.is_whitespace() || matches!(c, '~' | '∴') || is_invisible(c) {
            self.spaced |= !is_invisible(c);
            self.rest = &self.rest[c.len_utf8()..];
        } else if c == '\\' {
            self.backslash();
        } else if digit(c).is_some()
            || (c == '.' && self.rest[1..].chars().next().is_some_and(|c| digit(c).is_some()))
        {
            self.number();
        } else if c.is_alphabetic() && names::character(c).is_none() {
            self.word();
        } else {
            self.sign(c);
        }
    }

    fn sign(&mut self, c: char) {
        if c == '$' {
            self.take(1);
            if !self.delimiting {
                self.command(Command::Currency('$'));
            }
            return;
        }
        if let Some(rest) = self.rest.strip_prefix("**") {
            self.rest = rest;
            return self.push(Token::Sign('^'));
        }
        for (spelling, command) in names::OPERATORS {
            if self.rest.starts_with(spelling) {
                self.take(spelling.len());
                return self.command(*command);
            }
        }
        self.take(c.len_utf8());
        if matches!(c, '℃' | '℉' | '¢') {
            return self.push(Token::Word(c.to_string()));
        }
        match names::character(c) {
            Some(names::Character::Command(command)) => self.command(command),
            Some(names::Character::Sign(sign)) => self.push(Token::Sign(sign)),
            Some(names::Character::Power(digit)) => {
                // A run of raised digits is one exponent.
                let mut digits = digit.to_string();
                while let Some(c) = self.rest.chars().next()
                    && let Some(names::Character::Power(digit)) = names::character(c)
                {
                    digits.push(digit);
                    self.take(c.len_utf8());
                }
                self.push(Token::Sign('^'));
                self.push(Token::Sign('{'));
                let (sign, number) = match digits.strip_prefix('-') {
                    Some(number) => (true, number),
                    None => (false, &*digits),
                };
                if sign {
                    self.push(Token::Sign('-'));
                }
                self.push(Token::Number(number.to_owned()));
                self.push(Token::Sign('}'));
            }
            Some(names::Character::Fraction(above, below)) => {
                self.command(Command::Frac);
                self.push(Token::Number(above.to_string()));
                self.push(Token::Sign('/'));
                self.push(Token::Number(below.to_string()));
            }
            None => self.push(Token::Sign(c)),
        }
    }

    fn number(&mut self) {
        if let Some((digits, length)) = with_points_for_thousands(self.rest) {
            self.take(length);
            return self.push(Token::Number(digits));
        }
        let mut digits = String::new();
        loop {
            self.digits(&mut digits);
            // `1{,}234`, `1,\!234` and `1\,234` set off thousands; exactly three digits follow.
            let spaced =
                self.rest.strip_prefix(',').map(str::trim_start).and_then(|rest| rest.strip_prefix("\\!"));
            let gap = || names::THOUSANDS.iter().find_map(|gap| self.rest.strip_prefix(gap));
            let Some(after) = spaced.or_else(gap) else { break };
            let after = after.trim_start();
            let group = after.chars().take_while(|c| digit(*c).is_some()).count();
            if group != 3 || digits.is_empty() || digits.contains('.') {
                break;
            }
            self.rest = after;
        }
        if self.rest.starts_with('.') && !digits.contains('.') {
            let after = self.rest[1..].chars().next();
            let repeats = self.rest[1..].starts_with("\\overline") || self.rest[1..].starts_with("\\dot");
            if after.is_some_and(|c| digit(c).is_some()) || repeats {
                self.take(1);
                digits.push('.');
                self.digits(&mut digits);
            } else if after.is_none_or(|c| !c.is_ascii_punctuation()) {
                self.take(1); // the end of a sentence
            }
        }
        // `0.(3)`
        let period = self.rest.strip_prefix(".(").and_then(|after| after.split_once(')'));
        if let Some((period, rest)) = period
            && !digits.contains('.')
            && !period.is_empty()
            && period.bytes().all(|byte| byte.is_ascii_digit())
        {
            self.push(Token::Number(format!("{digits}.")));
            self.command(Command::Overline);
            self.rest = rest;
            return self.push(Token::Number(period.to_owned()));
        }
        self.push(Token::Number(digits));
        self.exponent();
    }

    fn digits(&mut self, into: &mut String) {
        while let Some(c) = self.rest.chars().next()
            && let Some(value) = digit(c)
        {
            into.push(value);
            self.take(c.len_utf8());
        }
    }

    /// `e-7` right after a number.
    fn exponent(&mut self) {
        let Some(after) = self.rest.strip_prefix(['e', 'E']) else { return };
        let (sign, digits) = match after.strip_prefix(['+', '-']) {
            Some(digits) => (&after[..1], digits),
            None => ("", after),
        };
        let length = digits.bytes().take_while(u8::is_ascii_digit).count();
        let next = digits[length..].chars().next();
        if length == 0 || next.is_some_and(|c| c.is_alphanumeric() || c == '^') {
            return;
        }
        self.command(Command::Exponent);
        if sign == "-" {
            self.push(Token::Sign('-'));
        }
        self.push(Token::Number(digits[..length].to_owned()));
        self.rest = &digits[length..];
    }

    fn word(&mut self) {
        let length = self
            .rest
            .char_indices()
            .find(|(_, c)| !(c.is_alphabetic() && names::character(*c).is_none()))
            .map_or(self.rest.len(), |(at, _)| at);
        // `a_nb_n`: of two letters, a subscript is the first.
        let is_subscript = self.out.last().is_some_and(|last| last.token == Token::Sign('_'));
        let pair = self.rest[..length].chars().count() == 2;
        let first = self.rest.chars().next().map_or(0, char::len_utf8);
        let word = self.take(if is_subscript && pair { first } else { length });
        let mut letters = word.chars();
        let first = letters.next().unwrap_or_default();
        if letters.next().is_none() {
            return self.push(Token::Letter(first));
        }
        if let Some(command) = names::word(word) {
            return self.command(command);
        }
        // `sinx`, `lnx`: a function and its letter.
        let (stem, last) = word.split_at(word.len() - word.chars().next_back().map_or(1, char::len_utf8));
        if stem.len() > 1
            && let Some(command @ Command::Function(_)) = names::word(stem)
        {
            self.command(command);
            return self.push(Token::Letter(last.chars().next().unwrap_or_default()));
        }
        self.push(Token::Word(word.to_owned()));
    }

    fn backslash(&mut self) {
        let after = &self.rest[1..];
        let length = after.bytes().take_while(u8::is_ascii_alphabetic).count();
        if length == 0 {
            return self.escaped(after);
        }
        // `\quadx` is `\quad x`, `\pir` is `\pi r`: the longest name that is known.
        let known = (2..=length).rev().find(|end| names::is_command(&after[..*end])).unwrap_or(length);
        self.rest = &after[known..];
        self.named(&after[..known]);
    }

    /// A backslash before something that is not a letter.
    fn escaped(&mut self, after: &'a str) {
        let Some(c) = after.chars().next() else {
            self.rest = after;
            return;
        };
        if c == '\\' {
            // A doubled backslash before a command's name is that command; else it ends a row.
            let name = &after[1..][..after[1..].bytes().take_while(u8::is_ascii_alphabetic).count()];
            if name.len() > 1 && names::is_command(name) {
                self.rest = after;
                return;
            }
            if matches!(after[1..].chars().next(), Some(',' | ';' | '!' | '(' | ')' | '{' | '}' | '%' | '$'))
            {
                self.rest = after;
                return;
            }
            self.rest = &after[1..];
            return self.push(Token::Row);
        }
        self.rest = &after[c.len_utf8()..];
        match c {
            ',' | ';' | ':' | '!' | ' ' | '/' | '>' | '-' => self.spaced = true,
            '(' | ')' | '[' | ']' => {} // delimiters of formulas
            '{' => self.command(Command::SetOpen),
            '}' => self.command(Command::SetClose),
            '|' => self.push(Token::Sign('|')),
            '$' => self.command(Command::Currency('$')),
            '%' => self.command(Command::Percent),
            c if c.is_whitespace() => self.spaced = true,
            c => self.push(Token::Sign(c)),
        }
    }

    fn named(&mut self, name: &str) {
        if names::TEXTS.contains(&name) {
            match self.group() {
                Some(content) => self.text(name, content),
                None => self.spaced = true,
            }
        } else if name == "begin" || name == "end" {
            let environment = self.group().unwrap_or_default();
            if name == "end" {
                return self.push(Token::End);
            }
            let environment = environment.trim_end_matches('*').to_owned();
            if environment == "array" {
                self.group(); // the columns' alignment
            }
            self.push(Token::Begin(environment));
        } else if names::SPACES.contains(&name) {
            self.spaced = true;
        } else if names::COLORS.contains(&name) {
            self.group();
        } else if names::SIZES.contains(&name) {
            // `\left.` stands for no bracket at all.
            if let Some(rest) = self.rest.trim_start().strip_prefix('.') {
                self.rest = rest;
            }
        } else if let Some(command) = names::latex(name) {
            self.command(command);
        } else {
            self.push(Token::Word(format!("\\{name}")));
        }
    }

    fn text(&mut self, name: &str, content: &str) {
        let trimmed = content.trim();
        if name == "operatorname" || name == "mathop" {
            match names::word(trimmed) {
                Some(command) => self.command(command),
                None => self.push(Token::Word(trimmed.to_owned())),
            }
        } else if let Some(connective) = names::connective(trimmed) {
            self.command(connective);
        } else if name.starts_with("math")
            && !trimmed.is_empty()
            && trimmed.bytes().all(|byte| byte.is_ascii_digit())
        {
            self.push(Token::Number(trimmed.to_owned()));
        } else if matches!(name, "mathbf" | "mathit" | "mathsf" | "mathcal") && trimmed.chars().count() == 1 {
            // Bold or not, a letter is a name.
            let letter = trimmed.chars().next().filter(|c| c.is_alphabetic());
            self.push(letter.map_or_else(|| Token::Text(content.to_owned()), Token::Letter));
        } else if !content.contains('\\') && (trimmed.starts_with("(mod") || trimmed.starts_with("mod ")) {
            self.out.extend(tokens(content));
        } else {
            self.spaced |= content.starts_with(char::is_whitespace);
            self.push(Token::Text(content.to_owned()));
            self.spaced |= content.ends_with(char::is_whitespace);
        }
    }

    /// The content of the group that starts here, if one does and it is closed.
    fn group(&mut self) -> Option<&'a str> {
        let text = self.rest.trim_start();
        let inside = text.strip_prefix('{')?;
        let mut depth = 0_usize;
        for (at, byte) in inside.bytes().enumerate() {
            match byte {
                b'{' => depth += 1,
                b'}' if depth == 0 => {
                    self.rest = &inside[at + 1..];
                    return Some(&inside[..at]);
                }
                b'}' => depth -= 1,
                _ => {}
            }
        }
        None
    }
}

/// `1.234,56` or `1.234.567` at the start of a text, where points set off thousands: the number with a
/// decimal point, and the length it was written in.
fn with_points_for_thousands(text: &str) -> Option<(String, usize)> {
    let length = text.bytes().take_while(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b',')).count();
    let written = text[..length].trim_end_matches(['.', ',']);
    let (whole, fraction) = match written.split_once(',') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (written, None),
    };
    let mut groups = whole.split('.');
    let first = groups.next()?;
    let in_groups = groups.clone().count();
    let fits = (1..=3).contains(&first.len())
        && groups.all(|group| group.len() == 3)
        && in_groups > usize::from(fraction.is_none())
        && fraction
            .is_none_or(|digits| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()));
    if !fits {
        return None;
    }
    let digits = whole.replace('.', "");
    Some((fraction.map_or(digits.clone(), |fraction| format!("{digits}.{fraction}")), written.len()))
}

/// A decimal digit of any script, as ASCII.
fn digit(c: char) -> Option<char> {
    let zero = match c {
        '0'..='9' => return Some(c),
        '０'..='９' => '０',
        '٠'..='٩' => '٠',
        '۰'..='۹' => '۰',
        '०'..='९' => '०',
        _ => return None,
    };
    char::from_digit(c as u32 - zero as u32, 10)
}

/// Marks that show nothing: joiners, direction marks, byte order marks, control characters.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
        || (c.is_control() && !c.is_whitespace())
}
