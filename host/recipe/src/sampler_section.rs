//! `[sampler]`: where responses come from.

use std::fmt::Display;

use serde::{Deserialize, Serialize};
use ts_servers::{Address, ServerCommand};

/// `[sampler]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SamplerSection {
    /// Who draws.
    pub kind: SamplerKind,
    /// Servers with the model that the run starts from.
    pub urls: Vec<String>,
    /// Servers with the trained model.
    pub trained_urls: Vec<String>,
    /// What servers call the model; empty is the only one that each has.
    pub model: String,
    /// Starts a server here; empty is none.
    pub serve_command: String,
    /// Seconds.
    pub start_timeout_s: u64,
    /// Names the variable with the servers' key; empty is none.
    pub api_key_env: String,
    /// The file with the servers' key; empty is none.
    pub api_key_file: String,
    /// Requests in flight at each server.
    pub concurrency: usize,
    /// Seconds for one response.
    pub timeout_s: u64,
    /// Tries after the first.
    pub retries: u32,
    /// Whether servers refuse rewrites that cannot pass, before the decoder here reads them.
    pub refuse_first: bool,
    /// Tokens of which a server tells the log-probabilities, at each position.
    pub top_logprobs: u32,
}

/// Who draws responses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SamplerKind {
    /// This process.
    Local,
    /// Servers that speak OpenAI's completions.
    Openai,
}

impl Default for SamplerSection {
    /// What `recipes/default.toml` says. Recipes that a run kept before there were samplers have no such section.
    fn default() -> Self {
        Self {
            kind: SamplerKind::Local,
            urls: Vec::new(),
            trained_urls: Vec::new(),
            model: String::new(),
            serve_command: String::new(),
            start_timeout_s: 900,
            api_key_env: String::new(),
            api_key_file: String::new(),
            concurrency: 64,
            timeout_s: 1800,
            retries: 10,
            refuse_first: false,
            top_logprobs: 20,
        }
    }
}

/// The most requests in flight at a server: each has a thread.
const MAX_CONCURRENCY: usize = 4096;
/// Far more than servers tell of: vLLM 20 if it is not told otherwise.
const MAX_TOP: u32 = 1000;
/// A week, in seconds.
const MAX_SECONDS: u64 = 604_800;

impl SamplerSection {
    /// Whether nothing is said: such a section is not written, so that recipes without servers are what they were before there was one.
    pub(crate) fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// The section with the values that change no record at nothing: who draws decides and what they tell, not where and how fast.
    pub(crate) fn what_decides_records(&self) -> Self {
        let Self { kind, refuse_first, top_logprobs, .. } = *self;
        Self { kind, refuse_first, top_logprobs, ..Self::default() }
    }

    /// Checks every value.
    pub(crate) fn validate(&self, check: &mut impl FnMut(bool, &str, &str, &dyn Display)) {
        for (key, urls) in [("sampler.urls", &self.urls), ("sampler.trained_urls", &self.trained_urls)] {
            for url in urls {
                if let Err(error) = url.parse::<Address>() {
                    check(
                        false,
                        key,
                        "addresses such as http://10.0.0.7:8000/v1",
                        &format_args!("{url:?}: {error}"),
                    );
                }
            }
        }
        if !self.serve_command.is_empty()
            && let Err(error) = ServerCommand::parse(&self.serve_command)
        {
            let like = "a command such as `vllm serve {model} --host 127.0.0.1 --port {port}`";
            check(false, "sampler.serve_command", like, &format_args!("{:?}: {error}", self.serve_command));
        }
        if self.kind == SamplerKind::Openai {
            let one = self.urls.is_empty() != self.serve_command.is_empty();
            check(
                one,
                "sampler.urls or sampler.serve_command",
                "given, and not both",
                &format_args!("{}", self.said()),
            );
        }
        let keys = self.api_key_env.is_empty() || self.api_key_file.is_empty();
        check(keys, "sampler.api_key_env or sampler.api_key_file", "given, not both", &"both");
        let concurrency = self.concurrency;
        let range = format!("1 to {MAX_CONCURRENCY}");
        check((1..=MAX_CONCURRENCY).contains(&concurrency), "sampler.concurrency", &range, &concurrency);
        for (key, seconds) in
            [("sampler.timeout_s", self.timeout_s), ("sampler.start_timeout_s", self.start_timeout_s)]
        {
            check((1..=MAX_SECONDS).contains(&seconds), key, &format!("1 to {MAX_SECONDS}"), &seconds);
        }
        let top = self.top_logprobs;
        check((1..=MAX_TOP).contains(&top), "sampler.top_logprobs", &format!("1 to {MAX_TOP}"), &top);
        check(self.retries <= 1000, "sampler.retries", "0 to 1000", &self.retries);
    }

    fn said(&self) -> &'static str {
        if self.urls.is_empty() { "missing" } else { "both" }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(change: impl FnOnce(&mut SamplerSection)) -> String {
        let mut section = SamplerSection {
            kind: SamplerKind::Openai,
            urls: vec!["http://a:1".into()],
            ..SamplerSection::default()
        };
        change(&mut section);
        let mut wrong = Vec::new();
        section.validate(&mut |holds, key, must, was| {
            if !holds {
                wrong.push(format!("{key} must be {must}, not {was}"));
            }
        });
        wrong.join("; ")
    }

    #[test]
    fn values_that_cannot_be_are_named() {
        assert_eq!(wrong(|_| {}), "");
        assert_eq!(
            wrong(|section| section.urls.clear()),
            "sampler.urls or sampler.serve_command must be given, and not both, not missing"
        );
        let both = wrong(|section| {
            section.serve_command = "vllm serve {model} --host 127.0.0.1 --port {port}".into()
        });
        assert!(both.ends_with("not both, not both"), "{both}");
        let command = wrong(|section| {
            section.urls.clear();
            section.serve_command = "vllm serve".into();
        });
        assert!(command.contains("{model}") && command.contains("sampler.serve_command"), "{command}");
        let url = wrong(|section| section.trained_urls = vec!["me:secret@a".into()]);
        assert!(url.starts_with("sampler.trained_urls must be addresses"), "{url}");
        assert!(
            wrong(|section| section.concurrency = 0).contains("sampler.concurrency must be 1 to 4096, not 0")
        );
        assert!(wrong(|section| section.timeout_s = 0).contains("sampler.timeout_s"));
        let keys = wrong(|section| (section.api_key_env, section.api_key_file) = ("A".into(), "b".into()));
        assert!(keys.contains("api_key_file"), "{keys}");
    }

    #[test]
    fn who_draws_decides_and_not_where() {
        let section = SamplerSection {
            kind: SamplerKind::Openai,
            urls: vec!["http://a:1".into()],
            concurrency: 3,
            ..SamplerSection::default()
        };
        let decides = section.what_decides_records();
        assert!(decides.kind == SamplerKind::Openai && decides.urls.is_empty() && decides.concurrency == 64);
        assert!(!decides.is_default() && SamplerSection::default().what_decides_records().is_default());
    }
}
