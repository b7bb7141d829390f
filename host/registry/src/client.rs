//! A registry: its distribution API, and the token that it may want first.
//!
//! In: a repository. Out: manifests and blobs, as bytes; whoever calls compares digests. A registry on this machine is asked in plain
//! HTTP, every other over TLS. It is asked without a name first; where it wants one, with what `docker login` keeps, or as anybody.

use serde::Deserialize;
use ts_http::{Failed, escaped, is_downgrade, is_http, is_private, without_user};
use ureq::Body;
use ureq::http::{Response, Uri};

use crate::caller::{Caller, for_now};
use crate::login::{Authorization, Challenge, login};
use crate::manifest::{self, ACCEPT};
use crate::{Digest, Error, Reference};

/// Where Docker's own hub has its API.
const DOCKER_HUB: (&str, &str) = ("docker.io", "registry-1.docker.io");

/// Most bytes of an answer that has a token.
const MAX_TOKEN_BYTES: u64 = 64 << 10;

/// A repository of a registry.
pub(crate) struct Client<'a> {
    reference: &'a Reference,
    caller: Caller,
    /// What is to be done: `pull`, or `pull,push`.
    actions: &'static str,
    has_asked: bool,
}

/// One request that is no `GET`.
pub(crate) enum Change<'a> {
    /// Begins an upload.
    Post,
    /// Ends one, or writes a manifest: the bytes and their type.
    Put(&'a [u8], &'a str),
}

#[derive(Deserialize)]
struct Token {
    token: Option<String>,
    access_token: Option<String>,
}

impl<'a> Client<'a> {
    /// For `pull`, or `pull,push`.
    pub(crate) fn new(reference: &'a Reference, actions: &'static str) -> Result<Self, Error> {
        let Reference { registry, .. } = reference;
        let host = if registry == DOCKER_HUB.0 { DOCKER_HUB.1 } else { registry };
        let address = |scheme: &str| format!("{scheme}://{host}/").parse::<Uri>().ok().filter(is_http);
        let origin = address("http").filter(is_private).or_else(|| address("https"));
        let bad =
            || Error::BadSource { name: reference.to_string(), fault: "its registry is no host".to_owned() };
        let caller = Caller::new(origin.ok_or_else(bad)?);
        Ok(Self { reference, caller, actions, has_asked: false })
    }

    /// The server, for errors and retries.
    pub(crate) fn caller(&self) -> &Caller {
        &self.caller
    }

    /// A manifest, by a tag or a digest.
    pub(crate) fn manifest(&mut self, by: &str) -> Result<Vec<u8>, Error> {
        let path = format!("manifests/{by}");
        self.bytes(&path, ACCEPT, manifest::MAX_BYTES, &format!("the manifest {by} of {}", self.reference))
    }

    /// A blob of at most so many bytes.
    pub(crate) fn blob(&mut self, digest: &Digest, most: u64) -> Result<Vec<u8>, Error> {
        let path = format!("blobs/{digest}");
        self.bytes(&path, "*/*", most, &format!("the component of {}", self.reference))
    }

    /// Whether a blob is there already.
    pub(crate) fn has_blob(&mut self, digest: &Digest) -> bool {
        let Ok(uri) = self.uri(&format!("blobs/{digest}")) else { return false };
        let mut answer = self.head(&uri);
        if let Some(refused) = answer.as_ref().filter(|answer| answer.status() == 401)
            && self.answer_challenge(refused).unwrap_or(false)
        {
            answer = self.head(&uri);
        }
        answer.is_some_and(|answer| answer.status() == 200)
    }

    /// What is said of something; nothing where nobody answers.
    fn head(&self, uri: &Uri) -> Option<Response<Body>> {
        self.caller.signed(self.caller.agent.head(uri), uri).call().ok()
    }

    /// Changes something: the answer, whose status is one of success.
    pub(crate) fn change(
        &mut self,
        uri: &Uri,
        change: &Change<'_>,
        what: &str,
    ) -> Result<Response<Body>, Error> {
        let mut tries = 0;
        loop {
            tries += 1;
            let answer = self.caller.tried(what, || {
                let Caller { agent, .. } = &self.caller;
                let sent = match change {
                    Change::Post => self.caller.signed(agent.post(uri), uri).send_empty(),
                    Change::Put(bytes, kind) => {
                        self.caller.signed(agent.put(uri).header("content-type", *kind), uri).send(*bytes)
                    }
                };
                sent.map_err(for_now)
            })?;
            if answer.status() == 401 && tries == 1 && self.answer_challenge(&answer)? {
                continue;
            }
            return match self.caller.checked(answer, what) {
                Ok(answer) => Ok(answer),
                Err(Failed::ForGood(error)) => Err(error),
                Err(Failed::ForNow(reason, _)) => {
                    let (server, name) = (self.caller.server(), what.to_owned());
                    Err(Error::Unreachable { server, name, tries, reason })
                }
            };
        }
    }

    /// A URL of the repository.
    pub(crate) fn uri(&self, path: &str) -> Result<Uri, Error> {
        let path = format!("/v2/{}/{path}", self.reference.repository);
        let bad =
            || Error::BadSource { name: self.reference.to_string(), fault: "it makes no URL".to_owned() };
        ts_http::with_path(&self.caller.origin, &path).ok_or_else(bad)
    }

    fn bytes(&mut self, path: &str, accept: &str, most: u64, what: &str) -> Result<Vec<u8>, Error> {
        let uri = self.uri(path)?;
        loop {
            let got = self.caller.tried(what, || {
                let answer = self.caller.get(&uri, accept, what)?;
                if answer.status() == 401 && !self.has_asked {
                    return Ok(Err(answer));
                }
                let answer = self.caller.checked(answer, what)?;
                self.caller.bytes(answer, most, what).map(Ok)
            })?;
            match got {
                Ok(bytes) => return Ok(bytes),
                Err(refused) if self.answer_challenge(&refused)? => {}
                Err(refused) => {
                    let status = refused.status().as_u16().to_string();
                    return Err(Error::NotThere {
                        server: self.caller.server(),
                        name: what.to_owned(),
                        status,
                    });
                }
            }
        }
    }

    /// Does what a registry asks for before it answers; `false` where nothing can be done, or was done before.
    fn answer_challenge(&mut self, refused: &Response<Body>) -> Result<bool, Error> {
        if std::mem::replace(&mut self.has_asked, true) {
            return Ok(false);
        }
        let headers = refused.headers().get_all("www-authenticate").iter();
        let challenges: Vec<_> = headers.filter_map(|it| Challenge::parse(it.to_str().ok()?)).collect();
        let bearer = challenges.iter().find(|it| matches!(it, Challenge::Bearer { .. }));
        self.caller.authorization = match bearer.or(challenges.first()) {
            None => None,
            Some(Challenge::Basic) => login(&self.reference.registry)?,
            Some(Challenge::Bearer { realm, service, scope }) => {
                Some(self.token(realm, service.as_deref(), scope.as_deref())?)
            }
        };
        Ok(self.caller.authorization.is_some())
    }

    /// A token of whoever gives them out for this registry, which says who that is.
    fn token(&self, realm: &str, service: Option<&str>, scope: Option<&str>) -> Result<Authorization, Error> {
        let what = format!("a token for {}", self.reference);
        let strange = |reason: &str| Error::Strange {
            server: self.caller.server(),
            name: what.clone(),
            reason: reason.to_owned(),
        };
        let own = format!("repository:{}:{}", self.reference.repository, self.actions);
        let mut query = format!("scope={}", escaped(scope.unwrap_or(&own), false));
        if let Some(service) = service {
            query = format!("service={}&{query}", escaped(service, false));
        }
        let joint = if realm.contains('?') { '&' } else { '?' };
        let uri: Option<Uri> = format!("{realm}{joint}{query}").parse().ok().filter(is_http);
        let is_plain = |uri: &Uri| {
            let authority = uri.authority().map_or("", |authority| authority.as_str());
            without_user(authority) == authority
        };
        let uri =
            uri.filter(is_plain).ok_or_else(|| strange("it wants a token of something that is no URL"))?;
        if !is_private(&uri) || is_downgrade(&self.caller.origin, &uri) {
            return Err(strange("it wants a token over plain http"));
        }
        let mut giver = Caller::new(uri.clone());
        giver.authorization = login(&self.reference.registry)?;
        let bytes = giver.tried(&what, || {
            let answer = giver.checked(giver.get(&uri, "application/json", &what)?, &what)?;
            giver.bytes(answer, MAX_TOKEN_BYTES, &what)
        })?;
        let token: Option<Token> = serde_json::from_slice(&bytes).ok();
        let token = token.and_then(|it| it.token.or(it.access_token));
        token.and_then(|token| Authorization::bearer(&token)).ok_or_else(|| Error::Strange {
            server: giver.server(),
            name: what.clone(),
            reason: "no token".to_owned(),
        })
    }
}
