//! Which entries are believed. An entry that is leaves a mark: the code of another plugin stands under the
//! name of a good one, so the good one would say another name.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::Path;
use std::sync::Arc;

use super::*;
use crate::load::hash::sha256_hex;
use crate::{HostOptions, PluginHost, PluginSource};

/// A user that runs nothing here.
const NOBODY: u32 = 65534;

/// A component that says this name.
fn component(name: &str) -> Vec<u8> {
    assert_eq!(name.len(), "hostile".len(), "the text keeps its layout");
    let text = include_str!("../../../tests/guests/hostile.wat").replace("{grade}", "(i32.const 3072)");
    wat::parse_str(text.replace("\"hostile\"", &format!("\"{name}\""))).unwrap()
}

/// A user's folders.
struct Home(tempfile::TempDir);

impl Home {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn place(&self) -> CachePlace {
        CachePlace { folder: self.0.path().join("cache/compiled"), key: self.0.path().join("state/key") }
    }

    fn open(&self) -> CodeCache {
        CodeCache::open(self.place()).unwrap()
    }

    fn entry(&self) -> PathBuf {
        self.place().folder.join(entry_of(&component("hostile")))
    }

    /// The name that the good plugin says when it is loaded with this cache.
    fn loaded_as(&self) -> String {
        let host = PluginHost::new(HostOptions {
            cache: Some(Arc::new(self.open())),
            max_parallel: 1,
            ..HostOptions::default()
        });
        let source = PluginSource::Embedded { name: "good".into(), bytes: component("hostile").into() };
        host.unwrap().load(source).unwrap().identity().name.clone()
    }

    /// Why the good plugin's entry is not trusted.
    fn distrust(&self) -> String {
        let entries = self.open().entries().unwrap();
        let found = entries.into_iter().find(|entry| self.entry().ends_with(&entry.name));
        found.unwrap().not_trusted.unwrap_or_default()
    }
}

fn engine() -> Engine {
    crate::engine::start(&crate::Limits::default(), 1).unwrap()
}

fn entry_of(component: &[u8]) -> String {
    name_of(&engine(), &sha256_hex(component))
}

/// The code of another plugin, which under the good one's name is the mark.
fn poison() -> Vec<u8> {
    engine().precompile_component(&component("another")).unwrap()
}

/// Whether tests run as a user who can give files away.
fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Without this the other tests would show nothing.
#[test]
fn an_entry_that_is_believed_is_run() {
    let home = Home::new();
    home.open().put(&entry_of(&component("hostile")), &poison());
    assert_eq!(home.loaded_as(), "another");
    assert_eq!(home.distrust(), "");
}

#[test]
fn an_entry_of_another_key_is_compiled_again() {
    let (home, other) = (Home::new(), Home::new());
    let strangers = CachePlace { key: other.place().key, ..home.place() };
    CodeCache::open(strangers).unwrap().put(&entry_of(&component("hostile")), &poison());
    assert!(home.distrust().contains("not written with your key"));
    assert_eq!(home.loaded_as(), "hostile");
    assert_eq!(home.distrust(), "", "it was replaced");
}

#[test]
fn an_entry_under_another_name_or_with_other_bytes_is_not_believed() {
    let home = Home::new();
    home.open().put("elsewhere.code", &poison());
    fs::rename(home.place().folder.join("elsewhere.code"), home.entry()).unwrap();
    assert_eq!(home.loaded_as(), "hostile");
    let whole = fs::read(home.entry()).unwrap();
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 1;
    for broken in [&flipped[..], &whole[..whole.len() / 2], &b"foreign"[..], &[&whole[..], b"x"].concat()] {
        fs::write(home.entry(), broken).unwrap();
        assert!(!home.distrust().is_empty());
        assert_eq!(home.loaded_as(), "hostile");
        assert_eq!(home.distrust(), "", "the entry is whole again");
    }
}

#[test]
fn an_entry_that_others_write_or_that_is_a_link_is_not_believed() {
    type Spoil = fn(&Path);
    let home = Home::new();
    let spoil: [(Spoil, &str); 3] = [
        (|entry| fs::set_permissions(entry, fs::Permissions::from_mode(0o666)).unwrap(), "other users"),
        (
            |entry| {
                let aside = entry.with_extension("aside");
                fs::rename(entry, &aside).unwrap();
                symlink(&aside, entry).unwrap();
            },
            "symbolic link",
        ),
        (|entry| chown(entry, Some(NOBODY), None).unwrap(), "belongs to user 65534"),
    ];
    for (spoil, why) in spoil.iter().take(if is_root() { 3 } else { 2 }) {
        home.open().put(&entry_of(&component("hostile")), &poison());
        spoil(&home.entry());
        assert!(home.distrust().contains(why), "{}", home.distrust());
        assert_eq!(home.loaded_as(), "hostile", "{why}");
    }
}

#[test]
fn a_folder_that_is_not_the_user_s_alone_is_refused() {
    let home = Home::new();
    home.open();
    let CachePlace { folder, key } = home.place();
    let above = folder.parent().unwrap().to_owned();
    let refused = |place: CachePlace| CodeCache::open(place).unwrap_err().to_string();
    let with_mode = |path: &Path, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        let error = CodeCache::open(home.place());
        fs::set_permissions(path, fs::Permissions::from_mode(0o700)).unwrap();
        error
    };
    for mode in [0o777, 0o770, 0o1777] {
        let error = with_mode(&folder, mode).unwrap_err().to_string();
        assert!(error.contains("can be written to by other users"), "{error}");
    }
    let error = with_mode(&above, 0o777).unwrap_err().to_string();
    assert!(error.contains("is above it"), "{error}");
    assert!(with_mode(&above, 0o1777).is_ok(), "in a sticky folder nobody exchanges what is another's");

    let link = home.0.path().join("link");
    symlink(&above, &link).unwrap();
    let error = refused(CachePlace { folder: link.join("compiled"), key: key.clone() });
    assert!(error.ends_with("link` is a symbolic link"), "{error}");
    for path in ["compiled", "", "./ts-host/compiled"] {
        let error = refused(CachePlace { folder: path.into(), key: key.clone() });
        assert!(error.contains("is not an absolute path"), "{error}");
    }
    let error = refused(CachePlace { folder: above.join("../cache/compiled"), key });
    assert!(error.contains("goes through `..`"), "{error}");
    if is_root() {
        for path in [&folder, &above] {
            chown(path, Some(NOBODY), None).unwrap();
            let error = refused(home.place());
            assert!(error.contains("belongs to user 65534"), "{error}");
            chown(path, Some(0), None).unwrap();
        }
    }
}

#[test]
fn a_key_that_others_know_is_refused() {
    let home = Home::new();
    home.open();
    let key = home.place().key;
    let first = fs::read(&key).unwrap();
    home.open();
    assert_eq!((fs::read(&key).unwrap(), first.len()), (first.clone(), 32), "it is made once");
    let refused = || CodeCache::open(home.place()).unwrap_err().to_string();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o640)).unwrap();
    assert!(refused().contains("can be read by other users"));
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(&key, &first[..31]).unwrap();
    assert!(refused().contains("has 31 bytes"));
    fs::rename(&key, key.with_extension("aside")).unwrap();
    symlink(key.with_extension("aside"), &key).unwrap();
    assert!(refused().contains("symbolic link"));
}

#[test]
fn what_was_not_used_for_the_longest_time_makes_room() {
    let home = Home::new();
    let mut cache = home.open();
    let hours_ago = |hours: u64| SystemTime::now() - Duration::from_secs(3600 * hours);
    let file = |name: &str| home.place().folder.join(name);
    for (name, hours) in
        [("old.code", 9), ("used.code", 8), ("middle.code", 7), ("new.code", 0), ("a.part", 9)]
    {
        cache.put("x.code", &[0; 52]); // 100 bytes, with what stands before the code
        fs::rename(file("x.code"), file(name)).unwrap();
        fs::File::options().write(true).open(file(name)).unwrap().set_modified(hours_ago(hours)).unwrap();
    }
    fs::write(file("foreign"), [0; 1000]).unwrap();
    folder::note_use(&fs::File::open(file("used.code")).unwrap(), USE_IS_NOTED_EVERY);
    let left = || {
        let names = fs::read_dir(home.place().folder).unwrap().map(|entry| entry.unwrap().file_name());
        let mut names: Vec<_> = names.map(|name| name.into_string().unwrap()).collect();
        names.sort();
        names
    };
    cache.make_room("new.code").unwrap();
    assert_eq!(left(), ["foreign", "middle.code", "new.code", "old.code", "used.code"], "there is room");
    cache.max_bytes = 250;
    cache.make_room("new.code").unwrap();
    assert_eq!(left(), ["foreign", "new.code", "used.code"]);
    cache.max_bytes = 50;
    cache.make_room("new.code").unwrap();
    assert_eq!(left(), ["foreign", "new.code"], "what was just written stays");
    assert_eq!(cache.clear().unwrap(), (1, 100));
    assert_eq!(left(), ["foreign"]);
}
