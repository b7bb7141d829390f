//! The names that mathematics is written with: commands, words, operators and Unicode signs, as tables.
//!
//! Units have a grammar of their own ([`super::unit`]).

use super::node::{Function, Relation, SetOperator};

/// Something with a name.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Command {
    /// A fraction; two arguments follow.
    Frac,
    Sqrt,
    Cbrt,
    Binom,
    Function(Function),
    /// A Greek letter or another name that is a variable.
    Name(&'static str),
    Pi,
    Infinity,
    EmptySet,
    NumberSet(char),
    Times,
    Divide,
    PlusMinus,
    MinusPlus,
    /// `\circ`, `°`, `degrees`.
    Degree,
    Percent,
    Currency(char),
    Relation(Relation),
    SetOperator(SetOperator),
    SetOpen,
    SetClose,
    AngleOpen,
    AngleClose,
    FloorOpen,
    FloorClose,
    CeilingOpen,
    CeilingClose,
    Bar,
    /// A line over its argument: a segment, a conjugate, digits that repeat.
    Overline,
    /// What a name wears: an arrow, a hat, bold type.
    Dress,
    /// `\bmod`: an operation.
    Remainder,
    /// `mod`: after a number the modulus of a congruence, else an operation.
    Mod,
    /// `\pmod`: the modulus of a congruence.
    Modulus,
    /// `{n \choose k}`.
    Choose,
    Sum,
    Product,
    Prime,
    /// `\mathbb`: a letter follows.
    Blackboard,
    /// `\boxed`: a group follows, and stands for itself.
    Boxed,
    /// The end of a list's item: `and`, `or`.
    And,
    /// An ellipsis.
    Dots,
    /// `e` between a number and its power of ten.
    Exponent,
    Not,
    /// `\angle`, `\triangle`: the name that follows is a name.
    Figure,
}

use Command as C;
use Function as F;
use Relation as R;

/// LaTeX commands.
const LATEX: &[(&str, Command)] = &[
    ("frac", C::Frac),
    ("dfrac", C::Frac),
    ("tfrac", C::Frac),
    ("cfrac", C::Frac),
    ("sqrt", C::Sqrt),
    ("binom", C::Binom),
    ("dbinom", C::Binom),
    ("tbinom", C::Binom),
    ("choose", C::Choose),
    ("arcsin", C::Function(F::Arcsin)),
    ("arccos", C::Function(F::Arccos)),
    ("arctan", C::Function(F::Arctan)),
    ("det", C::Function(F::Determinant)),
    ("Re", C::Function(F::Re)),
    ("Im", C::Function(F::Im)),
    ("pi", C::Pi),
    ("infty", C::Infinity),
    ("infin", C::Infinity),
    ("emptyset", C::EmptySet),
    ("varnothing", C::EmptySet),
    ("times", C::Times),
    ("cdot", C::Times),
    ("ast", C::Times),
    ("div", C::Divide),
    ("pm", C::PlusMinus),
    ("mp", C::MinusPlus),
    ("circ", C::Degree),
    ("degree", C::Degree),
    ("percent", C::Percent),
    ("pounds", C::Currency('£')),
    ("euro", C::Currency('€')),
    ("yen", C::Currency('¥')),
    ("le", C::Relation(R::LessOrEqual)),
    ("leq", C::Relation(R::LessOrEqual)),
    ("leqslant", C::Relation(R::LessOrEqual)),
    ("ge", C::Relation(R::GreaterOrEqual)),
    ("geq", C::Relation(R::GreaterOrEqual)),
    ("geqslant", C::Relation(R::GreaterOrEqual)),
    ("lt", C::Relation(R::Less)),
    ("gt", C::Relation(R::Greater)),
    ("ne", C::Relation(R::NotEqual)),
    ("neq", C::Relation(R::NotEqual)),
    ("in", C::Relation(R::In)),
    ("notin", C::Relation(R::NotIn)),
    ("subset", C::Relation(R::Subset)),
    ("subseteq", C::Relation(R::Subset)),
    ("approx", C::Relation(R::Approximately)),
    ("simeq", C::Relation(R::Approximately)),
    ("doteq", C::Relation(R::Approximately)),
    ("equiv", C::Relation(R::Congruent)),
    ("parallel", C::Relation(R::Named("parallel"))),
    ("perp", C::Relation(R::Named("perp"))),
    ("cong", C::Relation(R::Named("cong"))),
    ("sim", C::Relation(R::Named("sim"))),
    ("propto", C::Relation(R::Named("propto"))),
    ("iff", C::Relation(R::Named("iff"))),
    ("to", C::Relation(R::Arrow)),
    ("rightarrow", C::Relation(R::Arrow)),
    ("Rightarrow", C::Relation(R::Arrow)),
    ("mapsto", C::Relation(R::Arrow)),
    ("implies", C::Relation(R::Arrow)),
    ("mid", C::Bar),
    ("vert", C::Bar),
    ("lvert", C::Bar),
    ("rvert", C::Bar),
    ("cup", C::SetOperator(SetOperator::Union)),
    ("cap", C::SetOperator(SetOperator::Intersection)),
    ("setminus", C::SetOperator(SetOperator::Difference)),
    ("backslash", C::SetOperator(SetOperator::Difference)),
    ("lbrace", C::SetOpen),
    ("rbrace", C::SetClose),
    ("langle", C::AngleOpen),
    ("rangle", C::AngleClose),
    ("lfloor", C::FloorOpen),
    ("rfloor", C::FloorClose),
    ("lceil", C::CeilingOpen),
    ("rceil", C::CeilingClose),
    ("vec", C::Dress),
    ("hat", C::Dress),
    ("widehat", C::Dress),
    ("tilde", C::Dress),
    ("overrightarrow", C::Dress),
    ("boldsymbol", C::Dress),
    ("bm", C::Dress),
    ("underline", C::Dress),
    ("overline", C::Overline),
    ("bar", C::Overline),
    ("dot", C::Overline),
    ("mod", C::Mod),
    ("bmod", C::Remainder),
    ("pmod", C::Modulus),
    ("sum", C::Sum),
    ("prod", C::Product),
    ("prime", C::Prime),
    ("mathbb", C::Blackboard),
    ("boxed", C::Boxed),
    ("fbox", C::Boxed),
    ("land", C::And),
    ("lor", C::And),
    ("wedge", C::And),
    ("vee", C::And),
    ("dots", C::Dots),
    ("ldots", C::Dots),
    ("cdots", C::Dots),
    ("not", C::Not),
    ("angle", C::Figure),
    ("triangle", C::Figure),
    ("ell", C::Name("ell")),
    ("exp", C::Function(F::Exp)),
    ("lg", C::Function(F::Log)),
];

/// Words that mean the same with a backslash and without.
const WORDS: &[(&str, Command)] = &[
    ("sqrt", C::Sqrt),
    ("cbrt", C::Cbrt),
    ("sin", C::Function(F::Sin)),
    ("cos", C::Function(F::Cos)),
    ("tan", C::Function(F::Tan)),
    ("cot", C::Function(F::Cot)),
    ("sec", C::Function(F::Sec)),
    ("csc", C::Function(F::Csc)),
    ("sinh", C::Function(F::Sinh)),
    ("cosh", C::Function(F::Cosh)),
    ("tanh", C::Function(F::Tanh)),
    ("arcsin", C::Function(F::Arcsin)),
    ("arccos", C::Function(F::Arccos)),
    ("arctan", C::Function(F::Arctan)),
    ("asin", C::Function(F::Arcsin)),
    ("acos", C::Function(F::Arccos)),
    ("atan", C::Function(F::Arctan)),
    ("exp", C::Function(F::Exp)),
    ("ln", C::Function(F::Ln)),
    ("log", C::Function(F::Log)),
    ("abs", C::Function(F::Abs)),
    ("floor", C::Function(F::Floor)),
    ("ceil", C::Function(F::Ceiling)),
    ("ceiling", C::Function(F::Ceiling)),
    ("sgn", C::Function(F::Sign)),
    ("gcd", C::Function(F::Gcd)),
    ("lcm", C::Function(F::Lcm)),
    ("max", C::Function(F::Max)),
    ("min", C::Function(F::Min)),
    ("binom", C::Binom),
    ("mod", C::Mod),
    ("pi", C::Pi),
    ("infty", C::Infinity),
    ("infinity", C::Infinity),
    ("inf", C::Infinity),
    ("oo", C::Infinity),
    ("pm", C::PlusMinus),
    ("alpha", C::Name("alpha")),
    ("beta", C::Name("beta")),
    ("gamma", C::Name("gamma")),
    ("delta", C::Name("delta")),
    ("epsilon", C::Name("epsilon")),
    ("varepsilon", C::Name("epsilon")),
    ("zeta", C::Name("zeta")),
    ("eta", C::Name("eta")),
    ("theta", C::Name("theta")),
    ("vartheta", C::Name("theta")),
    ("kappa", C::Name("kappa")),
    ("lambda", C::Name("lambda")),
    ("mu", C::Name("mu")),
    ("nu", C::Name("nu")),
    ("xi", C::Name("xi")),
    ("rho", C::Name("rho")),
    ("sigma", C::Name("sigma")),
    ("tau", C::Name("tau")),
    ("phi", C::Name("phi")),
    ("varphi", C::Name("phi")),
    ("chi", C::Name("chi")),
    ("psi", C::Name("psi")),
    ("omega", C::Name("omega")),
    ("Gamma", C::Name("Gamma")),
    ("Delta", C::Name("Delta")),
    ("Theta", C::Name("Theta")),
    ("Lambda", C::Name("Lambda")),
    ("Sigma", C::Name("Sigma")),
    ("Phi", C::Name("Phi")),
    ("Psi", C::Name("Psi")),
    ("Omega", C::Name("Omega")),
];

/// Words of prose between items.
const CONNECTIVES: &[(&str, Command)] = &[
    ("and", C::And),
    ("or", C::And),
    (", and", C::And),
    (", or", C::And),
    ("and/or", C::And),
    ("und", C::And),
    ("oder", C::And),
    ("et", C::And),
    ("ou", C::And),
    ("y", C::And),
    ("in", C::Relation(R::In)),
    ("mod", C::Mod),
    ("modulo", C::Mod),
];

/// Operators of several characters, the longest first.
pub(crate) const OPERATORS: &[(&str, Command)] = &[
    ("<=", C::Relation(R::LessOrEqual)),
    (">=", C::Relation(R::GreaterOrEqual)),
    ("=>", C::Relation(R::Arrow)),
    ("->", C::Relation(R::Arrow)),
    ("!=", C::Relation(R::NotEqual)),
    ("==", C::Relation(R::Equal)),
    ("+/-", C::PlusMinus),
    ("...", C::Dots),
];

/// Commands whose argument is text.
pub(crate) const TEXTS: &[&str] = &[
    "text",
    "mbox",
    "hbox",
    "textbf",
    "textit",
    "textrm",
    "textnormal",
    "textsf",
    "texttt",
    "mathrm",
    "mathbf",
    "mathit",
    "mathsf",
    "mathtt",
    "mathcal",
    "rm",
    "bf",
    "operatorname",
    "mathop",
    "emph",
];

/// Commands that only make space or set style.
pub(crate) const SPACES: &[&str] = &[
    "quad",
    "qquad",
    "enspace",
    "thinspace",
    "displaystyle",
    "textstyle",
    "scriptstyle",
    "limits",
    "nolimits",
    "hline",
    "newline",
    "nonumber",
    "cr",
    "therefore",
    "because",
    "checkmark",
    "blacksquare",
    "square",
    "Box",
    "qed",
    "bigstar",
];

/// Commands that size the bracket after them.
pub(crate) const SIZES: &[&str] = &[
    "left", "right", "middle", "big", "Big", "bigg", "Bigg", "bigl", "bigr", "Bigl", "Bigr", "biggl",
    "biggr", "Biggl", "Biggr",
];

/// Commands that are known to be beyond this grammar; without this list, `\\int` would be `\\in t`.
pub(crate) const REFUSED: &[&str] = &[
    "int",
    "iint",
    "iiint",
    "oint",
    "lim",
    "limsup",
    "liminf",
    "sup",
    "partial",
    "nabla",
    "forall",
    "exists",
    "mathfrak",
    "mathscr",
    "overbrace",
    "underbrace",
    "stackrel",
    "overset",
    "underset",
    "substack",
];

/// Commands whose first argument is a colour.
pub(crate) const COLORS: &[&str] = &["color", "textcolor"];

/// How LaTeX sets off thousands.
pub(crate) const THOUSANDS: &[&str] = &["{,}\\!", "{,}", "\\,", "\\!", "\\ ", "'", "\u{a0}", "\u{202f}"];

/// What a Unicode character stands for.
pub(crate) enum Character {
    Command(Command),
    Sign(char),
    /// A raised digit or minus.
    Power(char),
    /// A vulgar fraction.
    Fraction(u8, u8),
}

/// The meaning of a character that has one beyond itself.
pub(crate) fn character(c: char) -> Option<Character> {
    use Character::{Command, Fraction, Power, Sign};
    Some(match c {
        '−' | '–' | '—' | '‐' | '‑' | '－' => Sign('-'),
        '＋' => Sign('+'),
        '∕' | '⁄' | '／' => Sign('/'),
        '（' => Sign('('),
        '）' => Sign(')'),
        '［' | '【' => Sign('['),
        '］' | '】' => Sign(']'),
        '，' | '、' => Sign(','),
        '；' => Sign(';'),
        '：' | '∶' => Sign(':'),
        '。' | '．' => Sign('.'),
        '！' => Sign('!'),
        '′' | '’' => Sign('\''),
        '∣' | '｜' => Sign('|'),
        '=' | '＝' => Command(C::Relation(R::Equal)),
        '<' | '＜' => Command(C::Relation(R::Less)),
        '>' | '＞' => Command(C::Relation(R::Greater)),
        '≤' | '⩽' | '≦' => Command(C::Relation(R::LessOrEqual)),
        '≥' | '⩾' | '≧' => Command(C::Relation(R::GreaterOrEqual)),
        '≠' => Command(C::Relation(R::NotEqual)),
        '≈' | '≅' => Command(C::Relation(R::Approximately)),
        '≡' => Command(C::Relation(R::Congruent)),
        '∈' => Command(C::Relation(R::In)),
        '∉' => Command(C::Relation(R::NotIn)),
        '⊂' | '⊆' => Command(C::Relation(R::Subset)),
        '→' | '⇒' | '⟹' => Command(C::Relation(R::Arrow)),
        '×' | '·' | '⋅' | '∙' | '∗' => Command(C::Times),
        '÷' => Command(C::Divide),
        '±' => Command(C::PlusMinus),
        '∓' => Command(C::MinusPlus),
        '√' => Command(C::Sqrt),
        '∛' => Command(C::Cbrt),
        '∞' => Command(C::Infinity),
        '∅' => Command(C::EmptySet),
        '∪' => Command(C::SetOperator(SetOperator::Union)),
        '∩' => Command(C::SetOperator(SetOperator::Intersection)),
        '∖' => Command(C::SetOperator(SetOperator::Difference)),
        'ℝ' => Command(C::NumberSet('R')),
        'ℤ' => Command(C::NumberSet('Z')),
        'ℕ' => Command(C::NumberSet('N')),
        'ℚ' => Command(C::NumberSet('Q')),
        'ℂ' => Command(C::NumberSet('C')),
        '°' | 'º' | '˚' => Command(C::Degree),
        '%' | '％' | '٪' => Command(C::Percent),
        '€' | '£' | '¥' | '₹' => Command(C::Currency(c)),
        '￥' => Command(C::Currency('¥')),
        '⌊' => Command(C::FloorOpen),
        '⌋' => Command(C::FloorClose),
        '⌈' => Command(C::CeilingOpen),
        '⌉' => Command(C::CeilingClose),
        '⟨' | '〈' => Command(C::AngleOpen),
        '⟩' | '〉' => Command(C::AngleClose),
        '∑' => Command(C::Sum),
        '∏' => Command(C::Product),
        '∠' | '△' => Command(C::Figure),
        '∧' | '∨' => Command(C::And),
        '…' | '⋯' => Command(C::Dots),
        'π' | '𝜋' => Command(C::Pi),
        'α' => Command(C::Name("alpha")),
        'β' => Command(C::Name("beta")),
        'γ' => Command(C::Name("gamma")),
        'δ' => Command(C::Name("delta")),
        'ε' => Command(C::Name("epsilon")),
        'θ' => Command(C::Name("theta")),
        'λ' => Command(C::Name("lambda")),
        'μ' => Command(C::Name("mu")),
        'ρ' => Command(C::Name("rho")),
        'σ' => Command(C::Name("sigma")),
        'τ' => Command(C::Name("tau")),
        'φ' | 'ϕ' => Command(C::Name("phi")),
        'ω' => Command(C::Name("omega")),
        'Δ' => Command(C::Name("Delta")),
        'Ω' => Command(C::Name("Omega")),
        '⁰' => Power('0'),
        '¹' => Power('1'),
        '²' => Power('2'),
        '³' => Power('3'),
        '⁴' => Power('4'),
        '⁵' => Power('5'),
        '⁶' => Power('6'),
        '⁷' => Power('7'),
        '⁸' => Power('8'),
        '⁹' => Power('9'),
        '⁻' => Power('-'),
        '½' => Fraction(1, 2),
        '⅓' => Fraction(1, 3),
        '⅔' => Fraction(2, 3),
        '¼' => Fraction(1, 4),
        '¾' => Fraction(3, 4),
        '⅕' => Fraction(1, 5),
        '⅖' => Fraction(2, 5),
        '⅗' => Fraction(3, 5),
        '⅘' => Fraction(4, 5),
        '⅙' => Fraction(1, 6),
        '⅚' => Fraction(5, 6),
        '⅛' => Fraction(1, 8),
        '⅜' => Fraction(3, 8),
        '⅝' => Fraction(5, 8),
        '⅞' => Fraction(7, 8),
        _ => return None,
    })
}

fn find(table: &[(&str, Command)], name: &str) -> Option<Command> {
    table.iter().find(|(known, _)| *known == name).map(|(_, command)| *command)
}

/// The command of a name after a backslash.
pub(crate) fn latex(name: &str) -> Option<Command> {
    find(LATEX, name).or_else(|| find(WORDS, name))
}

/// Whether a name is one that the lexer knows what to do with.
pub(crate) fn is_command(name: &str) -> bool {
    name == "begin"
        || name == "end"
        || TEXTS.contains(&name)
        || SPACES.contains(&name)
        || SIZES.contains(&name)
        || COLORS.contains(&name)
        || REFUSED.contains(&name)
        || latex(name).is_some()
}

/// The command that a word of plain text names.
pub(crate) fn word(word: &str) -> Option<Command> {
    match word {
        "union" => Some(C::SetOperator(SetOperator::Union)),
        "degrees" | "degree" | "deg" => Some(C::Degree),
        "percent" | "pct" => Some(C::Percent),
        "and" | "or" => Some(C::And),
        "choose" => Some(C::Choose),
        _ => find(WORDS, word).or_else(|| find(WORDS, &word.to_lowercase()).filter(|c| *c == C::Infinity)),
    }
}

/// The connective that a text is.
pub(crate) fn connective(text: &str) -> Option<Command> {
    find(CONNECTIVES, text.trim_end_matches(',').trim_end())
}
