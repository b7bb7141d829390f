//! Counted nouns: the words after a number that only say of what it is a number.
//!
//! `5 apples` may be written `5`, since `apples` cannot change the value. That is a privilege of a closed
//! shape: a noun in the plural (in the singular after 1 or a fraction), with adjectives before it and at most
//! `of …`, `left` or `in total` behind it. Nothing in it may be one of the words that relate, compare, count
//! or direct ([`CHANGING`]): `5 more`, `5 times`, `5 March`, `5 north`, `5 or more` are not counted nouns.
//! Chinese and Japanese have measure words instead of a plural.
//!
//! In: words. Out: the noun in the singular, adjectives before it; or none.

/// Words that can change what a number says, wherever they stand beside it, by kind.
const CHANGING: &[&str] = &[
    // Prepositions, conjunctions, pronouns, articles, auxiliaries.
    "a about above across after against all almost along although among an and apart approximately \
     are around as at away be because been before behind below beneath beside besides between beyond \
     both but by can circa could do does down during each either else equal equals even every exactly \
     except for from had has have he her here his how if in inside instead into is it its just may me \
     might must my near nearly neither nor not of off on only onto or our out outside over past \
     perhaps roughly shall she should since so some such than that the their them then there these \
     they this those though through to toward towards under unless until up upon versus via vs was we \
     were what when where whereas which while who whose will with within without would yet you your \
     no non none never always thus ish odd",
    // Comparisons.
    "additional another enough equally excess extra fewer fewest further greater greatest higher \
     highest larger largest least less lesser lower lowest many maximum minimum more most much other \
     others several short smaller smallest too various worth ago later earlier early late next \
     previous last same",
    // Numbers and parts.
    "zero one two three four five six seven eight nine ten eleven twelve hundred hundreds thousand \
     thousands million millions billion billions trillion trillions dozen dozens score scores lakh \
     crore half halves third thirds fourth fourths quarter quarters fifth fifths sixth sixths seventh \
     sevenths eighth eighths ninth ninths tenth tenths hundredth hundredths thousandth thousandths \
     ones tens double triple twice thrice once time times fold pair pairs couple couples remainder \
     remainders rem percent percentage square squared squares cube cubed cubes root roots plus minus \
     negative negatives modulo mod divided multiplied base power powers factorial st nd rd th place \
     decimal decimals infinity infinitely",
    // Directions and changes.
    "north south east west northeast northwest southeast southwest northern southern eastern western \
     upward upwards downward downwards forward forwards backward backwards back ahead left right \
     leftward leftwards rightward rightwards clockwise counterclockwise anticlockwise inward outward \
     increase increases increased decrease decreases decreased gain gains loss losses lost profit \
     profits debt debts rise fall drop discount markup deficit surplus net gross",
    // The calendar and the clock.
    "january february march april june july august september october november december jan feb mar \
     apr jun jul aug sep sept oct nov dec monday tuesday wednesday thursday friday saturday sunday \
     mondays tuesdays wednesdays thursdays fridays saturdays sundays am pm noon midnight bc bce ad ce \
     celsius fahrenheit kelvin",
];

/// Plurals that do not end in `s`.
const PLURALS: &[(&str, &str)] = &[
    ("people", "person"),
    ("persons", "person"),
    ("children", "child"),
    ("men", "man"),
    ("women", "woman"),
    ("mice", "mouse"),
    ("geese", "goose"),
    ("teeth", "tooth"),
    ("oxen", "ox"),
    ("fish", "fish"),
    ("sheep", "sheep"),
    ("deer", "deer"),
    ("dice", "die"),
    ("vertices", "vertex"),
    ("matrices", "matrix"),
    ("indices", "index"),
    ("pence", "penny"),
    ("lire", "lira"),
];

/// What may stand behind a noun and says nothing of the number.
const TAILS: &[&[&str]] =
    &[&["in", "total"], &["in", "all"], &["total"], &["altogether"], &["overall"], &["remaining"], &["left"]];

/// Nouns that measure a way: `left` behind them is a direction.
const WAYS: &[&str] =
    &["step", "space", "place", "square", "block", "unit", "position", "floor", "cell", "pace"];

/// Chinese, Japanese and Korean measure words, which count one by one.
const MEASURES: &str = "个 個 颗 顆 只 隻 本 条 條 张 張 件 人 名 位 头 頭 匹 辆 輛 棵 朵 支 枝 根 块 片 瓶 杯 盒 \
    袋 箱 次 种 種 组 組 页 頁 台 架 座 家 间 層 层 粒 枚 道 题 步 班 户 篇 首 份 筐 桶 碗 盘 \
    包 串 把 副 套 개 명 권 마리";

/// Chinese signs that can change a number.
const CHANGING_SIGNS: &str =
    "上下多少左右半余餘不超大小约約近至到比倍每各分之和或与及几第加减减乘除前后東西南北东增降双对打";

/// The noun that words are, in the singular; none if they are none. `singular` says that the number allows
/// it.
pub(super) fn counted(words: &[&str], singular: bool) -> Option<String> {
    if let [word] = words
        && !word.is_ascii()
    {
        return measured(word);
    }
    let mut words = words;
    if let Some(of) = words.iter().position(|word| *word == "of") {
        let (before, after) = words.split_at(of);
        let what = after[1..].strip_prefix(&["the"]).unwrap_or(&after[1..]);
        if what.is_empty() || what.len() > 3 || !what.iter().all(|word| is_content(word)) {
            return None;
        }
        words = before;
    }
    for tail in TAILS {
        if let Some(before) = words.strip_suffix(*tail)
            && let Some(noun) = before.last()
        {
            if *tail == ["left"] && WAYS.contains(&&*singular_of(noun).unwrap_or_default()) {
                return None;
            }
            words = before;
            break;
        }
    }
    let (head, adjectives) = words.split_last()?;
    let may_modify = |word: &&str| is_content(word) || matches!(*word, "right" | "odd" | "even" | "other");
    if adjectives.len() > 3 || !adjectives.iter().all(may_modify) || !is_content(head) {
        return None;
    }
    let head = match singular_of(head) {
        Some(head) => head,
        // After `any`, as after 1, a noun stands in the singular.
        None if (singular || adjectives.contains(&"any")) && head.len() > 2 => (*head).to_owned(),
        None => return None,
    };
    Some(adjectives.iter().copied().chain([&*head]).collect::<Vec<_>>().join(" "))
}

/// Whether two nouns can be of the same things: one may leave out adjectives of the other.
pub(crate) fn agree(a: &str, b: &str) -> bool {
    let ends = |long: &str, short: &str| long.strip_suffix(short).is_some_and(|rest| rest.ends_with(' '));
    a == b || ends(a, b) || ends(b, a)
}

fn is_content(word: &str) -> bool {
    word.len() > 1
        && word.bytes().all(|byte| byte.is_ascii_alphabetic())
        && !CHANGING.iter().any(|words| words.split(' ').any(|known| known == word))
}

/// A plural's singular.
fn singular_of(word: &str) -> Option<String> {
    if let Some((_, singular)) = PLURALS.iter().find(|(plural, _)| *plural == word) {
        return Some((*singular).to_owned());
    }
    let stem = word.strip_suffix('s')?;
    if stem.len() < 2 || stem.ends_with(['s', 'u', 'i']) {
        return None;
    }
    Some(match stem.strip_suffix("ie") {
        Some(root) if root.len() > 2 => format!("{root}y"),
        _ => match stem.strip_suffix('e') {
            Some(root) if root.ends_with(['x', 's', 'z']) || root.ends_with("ch") || root.ends_with("sh") => {
                root.to_owned()
            }
            _ => stem.to_owned(),
        },
    })
}

/// A measure word with the noun that may follow it.
fn measured(word: &str) -> Option<String> {
    let measure = MEASURES.split(' ').find(|measure| word.starts_with(measure))?;
    let noun = &word[measure.len()..];
    let is_noun =
        noun.chars().count() <= 4 && noun.chars().all(|c| c.is_alphabetic() && !CHANGING_SIGNS.contains(c));
    is_noun.then(|| if noun.is_empty() { measure.to_owned() } else { format!("{measure} {noun}") })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noun(words: &str) -> Option<String> {
        counted(&words.split(' ').collect::<Vec<_>>(), false)
    }

    #[test]
    fn what_is_counted() {
        for (words, expected) in [
            ("apples", "apple"),
            ("red apples", "red apple"),
            ("children tickets", "children ticket"),
            ("boxes", "box"),
            ("cities", "city"),
            ("right triangles", "right triangle"),
            ("pieces of cake", "piece"),
            ("apples left", "apple"),
            ("cats in total", "cat"),
            ("people", "person"),
            ("个苹果", "个 苹果"),
        ] {
            assert_eq!(noun(words).as_deref(), Some(expected), "{words}");
        }
    }

    #[test]
    fn what_can_change_a_number_is_no_noun() {
        for words in [
            "more",
            "more apples",
            "or more",
            "times",
            "times as many",
            "north",
            "steps left",
            "march",
            "dozens",
            "less",
            "bonus",
            "increase",
            "half",
            "remainder",
            "out of them",
            "thirds",
            "squares",
            "apple",
            "to",
            "tens",
            "sets of three",
            "个以上",
            "倍",
            "个多",
        ] {
            assert_eq!(noun(words), None, "{words}");
        }
    }
}
