//! A test by a function's value.
//!
//! Sites that have such problems give programs the usual names without an import (`List`, `deque`), and so
//! does this.
//!
//! In: arguments, and the values of which any is right. Out: what came of it. What becomes of arguments, and
//! what the function prints, does not count.

use super::functions;
use super::{Failure, Job, Outcome, Tested, cut, raised};
use crate::value::{Value, for_driver};
use ts_json::Json;

pub(super) fn test(
    job: &Job,
    args: &[Json],
    kwargs: &[(String, Json)],
    values: &[Value],
) -> Result<Tested, Failure> {
    let name = job.problem.entry_point.as_deref().unwrap_or_default();
    let by_keyword = kwargs.iter().map(|(name, value)| Json::List(vec![Json::text(name), for_driver(value)]));
    let call = functions::by_name(name, args.iter().map(for_driver).collect(), by_keyword.collect());
    let longest = values.iter().map(|value| value.to_string().len()).max().unwrap_or_default();
    let result = match functions::call(job, call, 4 * longest + (64 << 10))? {
        Ok(result) => result,
        Err(end) => return Ok(end),
    };
    if let Some(error) = result.get("raised") {
        return Ok(raised(&functions::told(error)));
    }
    let Some(given) = result.get("value").map(Value::of_driver) else {
        return Ok(Tested::new(Outcome::RuntimeError, "a malformed result"));
    };
    if values.iter().any(|expected| job.problem.rule.values_agree(&given, expected)) {
        return Ok(Tested::new(Outcome::Passed, ""));
    }
    let args = Json::List(args.to_vec()).to_string();
    let expected = values.first().map(ToString::to_string).unwrap_or_default();
    let why = format!(
        "{name} of `{}`, expected `{}`, got `{}`",
        cut(args.trim_start_matches('[').trim_end_matches(']')),
        cut(&expected),
        cut(&given.to_string())
    );
    Ok(Tested::new(Outcome::WrongAnswer, why))
}
