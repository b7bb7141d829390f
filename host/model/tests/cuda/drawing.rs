//! Drawing responses.

use candle_core::DType;
use ts_model::LanguageModel;
use ts_model::generate::{Prompt, Request, Sampling, Unwatched, generate};

use crate::common::{Case, assert_greedy, cases, checkpoints};
use crate::{on_cpu, on_gpu};

#[test]
fn greedy_responses_are_those_of_transformers() {
    for (name, folder) in checkpoints() {
        assert_greedy(&name, &cases(&folder), on_gpu(&folder, DType::F32));
    }
}

/// A draw's seed decides its tokens there too, whatever the batch; rows leave and enter. Where two tokens are all but equally far
/// from the draw's uniform, rounding may decide, so most draws must agree and not all.
#[test]
fn draws_are_those_of_the_cpu() {
    for (name, folder) in checkpoints() {
        let cases = cases(&folder);
        let request =
            |case: &Case| Request { prompt: Prompt::Tokens(case.tokens.clone()), seeds: (0..12).collect() };
        let requests: Vec<Request> = cases.iter().map(request).collect();
        let drawn = |model: &LanguageModel, max_batch_rows| {
            let sampling = Sampling { temperature: 1.0, top_p: 0.9, max_new_tokens: 40, max_batch_rows };
            generate(model, &requests, &sampling, &mut Unwatched).unwrap().concat()
        };
        let expected = drawn(&on_cpu(&folder), 64);
        for max_batch_rows in [5, 64] {
            let actual = drawn(&on_gpu(&folder, DType::F32), max_batch_rows);
            let n_equal =
                actual.iter().zip(&expected).filter(|(actual, expected)| actual == expected).count();
            println!("{name}, {max_batch_rows} rows: {n_equal} of {} draws are equal", expected.len());
            assert!(n_equal * 10 >= expected.len() * 9, "{name}: {n_equal} of {} are equal", expected.len());
        }
    }
}
