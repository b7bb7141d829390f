//! The documentation as a site, by mdBook: `docs/SUMMARY.md` names the pages in order, wherever in the tree they stand.
//!
//! In: the pages, and what they link to. Out: `target/site/html`, which needs no server; or an error that names every link that leads
//! nowhere. Pages keep their places, so that links between them lead where they do in the tree. A folder that is linked to becomes a page
//! of the files in it.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fmt::Write as _;
use std::path::{Component, Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

use crate::process;

/// The list of pages.
const SUMMARY: &str = "docs/SUMMARY.md";
/// Where everything is written.
const SITE: &str = "target/site";
/// The version that is installed where there is no mdBook.
const MDBOOK: &str = "0.5.2";
/// `book.toml`: pages and links as they stand in the tree, nothing included or renamed.
const CONFIGURATION: &str = r#"[book]
title = "ts-host"
description = "Shorter reasoning at the same accuracy, with graders that are sandboxed plugins"
language = "en"

[build]
build-dir = "html"
create-missing = false
use-default-preprocessors = false

[output.html]
preferred-dark-theme = "navy"
"#;

/// Builds the site.
pub(crate) fn build(root: &Path) -> Result<()> {
    let book = Book::read(root)?;
    let site = root.join(SITE);
    if site.exists() {
        std::fs::remove_dir_all(&site).with_context(|| format!("could not clear {}", site.display()))?;
    }
    book.write(root, &site.join("src"))?;
    write(&site.join("book.toml"), CONFIGURATION.as_bytes())?;
    process::run(Command::new(mdbook(root)?).arg("build").arg(&site))?;
    println!("{}", site.join("html/index.html").display());
    Ok(())
}

/// The mdBook on the path, or one that is built once from its source.
fn mdbook(root: &Path) -> Result<PathBuf> {
    if process::output(Command::new("mdbook").arg("--version")).is_ok() {
        return Ok(PathBuf::from("mdbook"));
    }
    let tools = root.join("target/tools");
    let program = tools.join("bin/mdbook");
    if !program.exists() {
        let mut install = Command::new("cargo");
        install.args(["install", "mdbook", "--version", MDBOOK, "--locked", "--root"]).arg(&tools);
        process::run(&mut install).context("could not install mdBook")?;
    }
    Ok(program)
}

/// All that a site is made of; paths are seen from the root.
struct Book {
    /// The text of the list of pages.
    summary: String,
    /// The text of each page.
    pages: BTreeMap<PathBuf, String>,
    /// Files that pages link to.
    files: BTreeSet<PathBuf>,
    /// Folders that pages link to.
    folders: BTreeSet<PathBuf>,
}

/// Where a link leads.
enum Target {
    /// Out of the tree.
    Elsewhere,
    /// To a place in the tree, and perhaps to a heading.
    Inside(PathBuf, Option<String>),
}

impl Book {
    /// Reads the pages.
    ///
    /// # Errors
    /// Every link that leads nowhere, with file and line; every page of `docs` that is not listed.
    fn read(root: &Path) -> Result<Self> {
        let summary = text(&root.join(SUMMARY))?;
        let mut pages = BTreeMap::new();
        for link in links(&summary) {
            if let Target::Inside(page, _) = target(Path::new(SUMMARY), &link.to)? {
                let text = text(&root.join(&page)).with_context(|| format!("{SUMMARY}:{}", link.line))?;
                pages.insert(page, text);
            }
        }
        let mut book = Self { summary, pages, files: BTreeSet::new(), folders: BTreeSet::new() };
        let mut faults = book.unlisted(root)?;
        let anchors: BTreeMap<&Path, BTreeSet<String>> =
            book.pages.iter().map(|(page, text)| (page.as_path(), anchors(text))).collect();
        for (page, text) in &book.pages {
            for link in links(text) {
                let Target::Inside(to, anchor) = target(page, &link.to)? else { continue };
                let fault = match (anchors.get(to.as_path()), anchor) {
                    (Some(anchors), Some(anchor)) if !anchors.contains(&anchor) => "no such heading",
                    (Some(_), _) => continue,
                    (None, None) if root.join(&to).is_dir() => {
                        book.folders.insert(to);
                        continue;
                    }
                    (None, _) if to.extension() == Some(OsStr::new("md")) => "no page of the summary",
                    (None, None) if root.join(&to).is_file() => {
                        book.files.insert(to);
                        continue;
                    }
                    (None, _) => "there is no such file",
                };
                faults.push(format!("{}:{}: {}: {fault}", page.display(), link.line, link.to));
            }
        }
        if !faults.is_empty() {
            bail!("{}", faults.join("\n"));
        }
        Ok(book)
    }

    /// A sentence for each page of `docs` that the summary does not list.
    fn unlisted(&self, root: &Path) -> Result<Vec<String>> {
        let docs = Path::new(SUMMARY).parent().unwrap_or(Path::new(""));
        let pages = entries(&root.join(docs))?.into_iter().map(|name| docs.join(name));
        let pages =
            pages.filter(|page| page.extension() == Some(OsStr::new("md")) && page != Path::new(SUMMARY));
        Ok(pages
            .filter(|page| !self.pages.contains_key(page))
            .map(|page| format!("{SUMMARY}: {} is not listed", page.display()))
            .collect())
    }

    /// Writes what mdBook reads into a folder.
    fn write(&self, root: &Path, to: &Path) -> Result<()> {
        let mut summary = with_links(&self.summary, |link| match target(Path::new(SUMMARY), link) {
            Ok(Target::Inside(page, _)) => Some(page.display().to_string()),
            _ => None,
        });
        if !self.folders.is_empty() {
            summary.push_str("\n# Files\n\n");
        }
        for folder in &self.folders {
            let name = folder.display();
            writeln!(summary, "- [`{name}`]({name}/{FOLDER_PAGE})")?;
            write(&to.join(folder).join(FOLDER_PAGE), folder_page(root, folder)?.as_bytes())?;
        }
        write(&to.join("SUMMARY.md"), summary.as_bytes())?;
        for (page, text) in &self.pages {
            let text = with_links(text, |link| match target(page, link) {
                Ok(Target::Inside(folder, _)) if self.folders.contains(&folder) => {
                    Some(format!("{}/{FOLDER_PAGE}", link.trim_end_matches('/')))
                }
                _ => None,
            });
            write(&to.join(page), text.as_bytes())?;
        }
        for file in &self.files {
            let bytes = std::fs::read(root.join(file))
                .with_context(|| format!("could not read {}", file.display()))?;
            write(&to.join(file), &bytes)?;
        }
        Ok(())
    }
}

/// The name of the page of a folder.
const FOLDER_PAGE: &str = "files.md";

/// A page with the files of a folder.
fn folder_page(root: &Path, folder: &Path) -> Result<String> {
    let mut page = format!("# `{}`\n", folder.display());
    for name in entries(&root.join(folder))? {
        let path = root.join(folder).join(&name);
        if path.is_file() {
            let kind = path.extension().unwrap_or_default().display();
            write!(page, "\n## `{}`\n\n~~~~{kind}\n{}~~~~\n", name.display(), text(&path)?)?;
        }
    }
    Ok(page)
}

/// A link of a page.
struct Link {
    to: String,
    /// Counted from 1.
    line: usize,
}

/// The links and images of a page.
fn links(text: &str) -> Vec<Link> {
    let of = |(event, place): (Event<'_>, std::ops::Range<usize>)| match event {
        Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
            let line = 1 + text[..place.start].matches('\n').count();
            Some(Link { to: dest_url.into_string(), line })
        }
        _ => None,
    };
    Parser::new_ext(text, Options::ENABLE_TABLES).into_offset_iter().filter_map(of).collect()
}

/// The page with other links where `change` has one.
fn with_links(text: &str, change: impl Fn(&str) -> Option<String>) -> String {
    let mut changed = text.to_owned();
    for Link { to, .. } in links(text) {
        if let Some(other) = change(&to) {
            changed = changed.replace(&format!("]({to})"), &format!("]({other})"));
        }
    }
    changed
}

/// Where a link of a page leads.
fn target(page: &Path, link: &str) -> Result<Target> {
    if ["http://", "https://", "mailto:"].iter().any(|scheme| link.starts_with(scheme)) {
        return Ok(Target::Elsewhere);
    }
    let (path, anchor) = match link.split_once('#') {
        Some((path, anchor)) => (path, Some(anchor.to_owned())),
        None => (link, None),
    };
    if path.is_empty() {
        return Ok(Target::Inside(page.to_owned(), anchor));
    }
    let mut place = page.parent().unwrap_or(Path::new("")).to_owned();
    for part in Path::new(path).components() {
        match part {
            Component::ParentDir if place.pop() => {}
            Component::CurDir => {}
            Component::Normal(name) => place.push(name),
            _ => bail!("{}: {link} leads out of the tree", page.display()),
        }
    }
    Ok(Target::Inside(place, anchor))
}

/// The names by which links lead to the headings of a page, as mdBook and forges give them.
fn anchors(text: &str) -> BTreeSet<String> {
    let (mut anchors, mut heading) = (BTreeSet::new(), None);
    for event in Parser::new_ext(text, Options::ENABLE_TABLES) {
        match event {
            Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
            Event::Text(text) | Event::Code(text) => {
                if let Some(heading) = &mut heading {
                    heading.push_str(&text);
                }
            }
            Event::End(TagEnd::Heading(_)) => {
                let name = anchor(&heading.take().unwrap_or_default());
                let again = (1..).map(|n| format!("{name}-{n}"));
                let mut names = std::iter::once(name.clone()).chain(again);
                anchors.extend(names.find(|name| !anchors.contains(name)));
            }
            _ => {}
        }
    }
    anchors
}

/// The name of a heading: small letters, digits, `-` and `_`, a hyphen for a space, nothing for what else there is.
fn anchor(heading: &str) -> String {
    let character = |c: char| match c {
        _ if c.is_alphanumeric() || c == '-' || c == '_' => Some(c),
        _ if c.is_whitespace() => Some('-'),
        _ => None,
    };
    heading.trim().to_lowercase().chars().filter_map(character).collect()
}

/// The names in a folder, in order.
fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let names = std::fs::read_dir(folder).and_then(|entries| {
        entries.map(|entry| Ok(PathBuf::from(entry?.file_name()))).collect::<Result<Vec<_>, _>>()
    });
    let mut names = names.with_context(|| format!("could not read {}", folder.display()))?;
    names.sort();
    Ok(names)
}

fn text(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("could not read {}", path.display()))
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let folder = path.parent().unwrap_or(Path::new(""));
    std::fs::create_dir_all(folder)
        .and_then(|()| std::fs::write(path, bytes))
        .with_context(|| format!("could not write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A tree with a list of pages and these others.
    fn tree(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            write(&root.path().join(path), text.as_bytes()).unwrap();
        }
        root
    }

    #[test]
    fn every_link_of_the_documentation_leads_somewhere() {
        let root = crate::workspace_root().unwrap();
        let book = Book::read(&root).unwrap();
        assert!(book.pages.len() > 20 && book.pages.contains_key(Path::new("README.md")));
        assert!(book.folders.contains(Path::new("wit")));
    }

    #[test]
    fn links_that_lead_nowhere_are_named_with_their_lines() {
        let root = tree(&[
            (SUMMARY, "[a](a.md)\n\n- [b](../b.md)\n"),
            (
                "docs/a.md",
                "# A\n\n[1](../b.md#no) [2](c.toml) [3](../b.md#what-it-is) [4](https://a.b)\n[5](d.md) [6](../x)\n",
            ),
            ("docs/d.md", "not listed"),
            ("b.md", "# B\n## What `it` is?\n[1](#b) [2](#c)\n\n`[3](no.md)`\n"),
            ("x/y.txt", ""),
        ]);
        let error = Book::read(root.path()).err().unwrap().to_string();
        let expected = [
            "docs/SUMMARY.md: docs/d.md is not listed",
            "b.md:3: #c: no such heading",
            "docs/a.md:3: ../b.md#no: no such heading",
            "docs/a.md:3: c.toml: there is no such file",
            "docs/a.md:4: d.md: no page of the summary",
        ];
        assert_eq!(error, expected.join("\n"));
        let out = tree(&[(SUMMARY, "[a](a.md)"), ("docs/a.md", "[1](../../x)")]);
        assert!(Book::read(out.path()).err().unwrap().to_string().contains("out of the tree"));
    }

    #[test]
    fn pages_keep_their_places_and_folders_become_pages() {
        let root = tree(&[
            (SUMMARY, "[home](../README.md)\n\n- [a](a.md)\n"),
            ("README.md", "[a](docs/a.md) [w](wit) [f](f.toml)"),
            ("docs/a.md", "[w](../wit) [home](../README.md)"),
            ("wit/one.wit", "interface one {}\n"),
            ("wit/old/two.wit", ""),
            ("f.toml", "a = 1\n"),
        ]);
        let to = root.path().join("out");
        Book::read(root.path()).unwrap().write(root.path(), &to).unwrap();
        let text = |path: &str| text(&to.join(path)).unwrap();
        assert_eq!(
            text("SUMMARY.md"),
            "[home](README.md)\n\n- [a](docs/a.md)\n\n# Files\n\n- [`wit`](wit/files.md)\n"
        );
        assert_eq!(text("README.md"), "[a](docs/a.md) [w](wit/files.md) [f](f.toml)");
        assert_eq!(text("docs/a.md"), "[w](../wit/files.md) [home](../README.md)");
        assert_eq!(text("wit/files.md"), "# `wit`\n\n## `one.wit`\n\n~~~~wit\ninterface one {}\n~~~~\n");
        assert_eq!(text("f.toml"), "a = 1\n");
    }

    #[test]
    fn headings_have_the_names_that_forges_give_them() {
        let names = anchors("# A `b_c`, d-e\n## Ä 1.5 x\n## A b\n## A b\n");
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        assert_eq!(names, ["a-b", "a-b-1", "a-b_c-d-e", "ä-15-x"]);
    }
}
