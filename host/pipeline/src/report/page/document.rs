//! The frame of a page: its head, the way around in it, and its style.

use maud::{DOCTYPE, Markup, PreEscaped, html};

/// Nothing is loaded, nothing is run, nothing is sent.
const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'";

/// A page.
pub(super) struct Document {
    /// Its heading and title; may come from outside.
    pub(super) title: String,
    /// What stands before the first section.
    pub(super) lead: Markup,
    pub(super) sections: Vec<Section>,
    /// What made it.
    pub(super) foot: Markup,
}

/// A part of a page with a heading.
pub(super) struct Section {
    /// Its anchor.
    pub(super) id: &'static str,
    pub(super) heading: &'static str,
    pub(super) body: Markup,
}

impl Document {
    pub(super) fn to_html(&self) -> String {
        let title = ts_text::line(&self.title);
        let page = html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta http-equiv="Content-Security-Policy" content=(POLICY);
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    meta name="referrer" content="no-referrer";
                    title { (title) }
                    style { (PreEscaped(include_str!("style.css"))) (PreEscaped(ts_plot::style())) }
                }
                body {
                    header { h1 { (title) } (self.lead) }
                    nav aria-label="Parts of this page" { ul {
                        @for section in &self.sections { li { a href={ "#" (section.id) } { (section.heading) } } }
                        li { a href="#origin" { "What made it" } }
                    } }
                    main {
                        @for section in &self.sections {
                            section id=(section.id) aria-labelledby={ (section.id) "-heading" } {
                                h2 id={ (section.id) "-heading" } { (section.heading) }
                                (section.body)
                            }
                        }
                    }
                    footer id="origin" { h2 { "What made it" } (self.foot) }
                }
            }
        };
        format!("{}\n", page.into_string())
    }
}
