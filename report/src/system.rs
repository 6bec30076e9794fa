//! Fonts of the machine, for what ours lack: Chinese, Japanese, Korean, emoji, and whatever else somebody has installed.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::{Read as _, Seek as _, SeekFrom},
    path::{Path, PathBuf},
};

use read_fonts::{FontData, FontRead as _, tables::cmap::Cmap};

use crate::{face::Face, fonts::Fonts};

/// Where machines keep fonts.
const FOLDERS: [&str; 5] = [
    "/usr/share/fonts",
    "/usr/local/share/fonts",
    "/run/current-system/sw/share/X11/fonts",
    "/System/Library/Fonts",
    "/Library/Fonts",
];

/// Folders below each other that are looked into.
const DEPTH_MAX: usize = 6;

/// Files that are looked at.
const FILES_MAX: usize = 10_000;

/// Fonts that one report takes in.
const FACES_MAX: usize = 8;

/// Bytes of the largest font that is read: Noto's Chinese, Japanese and Korean in one file takes 20 million.
const FILE_BYTES_MAX: u64 = 40 << 20;

/// Bytes of all that are read for one report.
const BYTES_MAX: u64 = 64 << 20;

/// Bytes of a font's list of characters.
const CMAP_BYTES_MAX: usize = 4 << 20;

/// What a report can't show without fonts of the machine, and what stands for each when it is looked for.
const FROM_SYSTEM: [(&str, char); 4] = [
    ("Chinese", '中'),
    ("Japanese", 'の'),
    ("Korean", '한'),
    ("emoji", '😀'),
];

/// Folders with fonts.
#[derive(Debug, Clone)]
pub struct SystemFonts {
    folders: Vec<PathBuf>,
}

/// A file that may be a font, with what its name says of it.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Candidate {
    /// Lower comes first.
    rank: u32,
    path: PathBuf,
}

impl Default for SystemFonts {
    fn default() -> Self {
        Self {
            folders: FOLDERS.iter().map(PathBuf::from).collect(),
        }
    }
}

impl SystemFonts {
    /// The fonts of other folders.
    #[must_use]
    pub fn in_folders(folders: Vec<PathBuf>) -> Self {
        Self { folders }
    }

    /// What of Chinese, Japanese, Korean and emoji would be replaced, by name.
    #[must_use]
    pub fn missing(&self) -> Vec<&'static str> {
        let mut fonts = Fonts::embedded();
        let samples: String = FROM_SYSTEM.iter().map(|(_, sample)| *sample).collect();
        self.complete(&mut fonts, [samples.as_str()]);
        let missing = FROM_SYSTEM.iter().filter(|(_, sample)| !fonts.has(*sample));
        missing.map(|(name, _)| *name).collect()
    }

    /// Adds to `fonts` what these texts need and they lack, as far as there is any. The machine's fonts are only looked at
    /// where something is lacking.
    pub fn complete<'a>(&self, fonts: &mut Fonts, texts: impl IntoIterator<Item = &'a str>) {
        let mut lacking = BTreeSet::new();
        let mut seen = BTreeSet::new();
        for text in texts {
            seen.extend(text.chars());
        }
        lacking.extend(seen.into_iter().filter(|c| !c.is_control() && !fonts.has(*c)));
        if lacking.is_empty() {
            return;
        }
        let (mut bytes_left, mut faces_left) = (BYTES_MAX, FACES_MAX);
        for candidate in self.candidates() {
            if lacking.is_empty() || faces_left == 0 {
                break;
            }
            let Some(size) = size_with(&candidate, &lacking, bytes_left.min(FILE_BYTES_MAX)) else {
                continue;
            };
            let read = fs::read(&candidate.path).ok();
            let face = read.and_then(|data| Face::new(data, 0));
            let Some(face) = face.filter(Face::can_be_embedded) else {
                continue;
            };
            bytes_left = bytes_left.saturating_sub(size);
            faces_left -= 1;
            fonts.push(face);
            lacking.retain(|c| !fonts.has(*c));
        }
    }

    /// All files that may be fonts, the best first.
    fn candidates(&self) -> Vec<Candidate> {
        let mut found = Vec::new();
        let mut folders: Vec<_> = self.folders.iter().map(|folder| (folder.clone(), 0)).collect();
        while found.len() < FILES_MAX
            && let Some((folder, depth)) = folders.pop()
        {
            for entry in fs::read_dir(folder)
                .into_iter()
                .flatten()
                .flatten()
                .take(FILES_MAX)
            {
                let path = entry.path();
                // Links are followed: some systems keep fonts as links alone.
                let Ok(metadata) = fs::metadata(&path) else {
                    continue;
                };
                if metadata.is_dir() && depth < DEPTH_MAX {
                    folders.push((path, depth + 1));
                } else if metadata.is_file()
                    && let Some(rank) = rank(&path)
                {
                    found.push(Candidate { rank, path });
                }
            }
        }
        found.sort();
        found
    }
}

/// How well a file's name goes with ours; `None`: it is no font.
fn rank(path: &Path) -> Option<u32> {
    let name = path.file_name()?.to_str()?.to_lowercase();
    let extension = name.rsplit_once('.')?.1;
    if !matches!(extension, "ttf" | "otf" | "ttc" | "otc") {
        return None;
    }
    let odd = [
        "bold",
        "italic",
        "oblique",
        "light",
        "thin",
        "black",
        "medium",
        "mono",
        "serif",
        "condensed",
    ];
    let oddities = odd.iter().filter(|word| name.contains(**word)).count();
    // `NotoSansCJK` is also in `NotoSansMonoCJK`.
    let family = if name.contains("notosans") || name.contains("notocoloremoji") {
        0
    } else if name.contains("noto") {
        100
    } else {
        200
    };
    Some(family + u32::try_from(oddities).unwrap_or(99).min(99))
}

/// The size of a file that is not larger than this, and whose first font has some of the characters.
fn size_with(candidate: &Candidate, wanted: &BTreeSet<char>, bytes_max: u64) -> Option<u64> {
    let mut file = File::open(&candidate.path).ok()?;
    let size = file.metadata().ok().map(|metadata| metadata.len())?;
    if size > bytes_max {
        return None;
    }
    let cmap = read_cmap(&mut file)?;
    let cmap = Cmap::read(FontData::new(&cmap)).ok()?;
    let has = |c: &char| cmap.map_codepoint(*c).is_some_and(|glyph| glyph.to_u32() != 0);
    wanted.iter().any(has).then_some(size)
}

/// The list of characters of the first font in a file, without the rest of it.
fn read_cmap(file: &mut File) -> Option<Vec<u8>> {
    let mut begin = 0;
    let mut head = [0; 16];
    file.read_exact(&mut head).ok()?;
    if head.starts_with(b"ttcf") {
        begin = u64::from(u32_at(&head, 12)?);
        file.seek(SeekFrom::Start(begin)).ok()?;
        file.read_exact(&mut head[..12]).ok()?;
    }
    let tables = usize::from(u16::from_be_bytes([head[4], head[5]]));
    let mut records = vec![0; tables * 16];
    file.seek(SeekFrom::Start(begin + 12)).ok()?;
    file.read_exact(&mut records).ok()?;
    let record = records
        .chunks_exact(16)
        .find(|record| record.starts_with(b"cmap"))?;
    let (offset, length) = (u32_at(record, 8)?, u32_at(record, 12)? as usize);
    if length > CMAP_BYTES_MAX {
        return None;
    }
    let mut cmap = vec![0; length];
    file.seek(SeekFrom::Start(offset.into())).ok()?;
    file.read_exact(&mut cmap).ok()?;
    Some(cmap)
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..at + 4)?;
    Some(u32::from_be_bytes(bytes.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FONT: &[u8] = include_bytes!("../fonts/NotoSansThai-Regular.ttf");

    /// An empty folder of this test, which is gone at its end.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("colloquy-report-{name}-{}", std::process::id()));
            let _ = fs::remove_dir_all(&path);
            fs::create_dir_all(&path).unwrap();
            Self(path)
        }

        fn fonts(&self) -> SystemFonts {
            SystemFonts::in_folders(vec![self.0.clone()])
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn without_fonts_everything_is_named_that_is_missing() {
        let folder = Folder::new("none");
        assert_eq!(
            folder.fonts().missing(),
            ["Chinese", "Japanese", "Korean", "emoji"]
        );
        let nowhere = SystemFonts::in_folders(vec!["/nowhere".into()]);
        assert_eq!(nowhere.missing().len(), 4);
    }

    #[test]
    fn fonts_are_found_by_what_they_have() {
        let folder = Folder::new("found");
        fs::create_dir(folder.0.join("below")).unwrap();
        fs::write(folder.0.join("below/Any.ttf"), FONT).unwrap();
        let list = read_cmap(&mut File::open(folder.0.join("below/Any.ttf")).unwrap()).unwrap();
        let list = Cmap::read(FontData::new(&list)).unwrap();
        assert!(list.map_codepoint('ก').is_some() && list.map_codepoint('中').is_none());
        let [candidate] = &folder.fonts().candidates()[..] else {
            panic!("one file");
        };
        let size = u64::try_from(FONT.len()).unwrap();
        assert_eq!(
            size_with(candidate, &BTreeSet::from(['中', 'ก']), size),
            Some(size)
        );
        assert_eq!(size_with(candidate, &BTreeSet::from(['中']), size), None);
        assert_eq!(size_with(candidate, &BTreeSet::from(['ก']), size - 1), None);
    }

    #[test]
    fn broken_files_are_passed_over() {
        let folder = Folder::new("broken");
        fs::write(folder.0.join("empty.ttf"), b"").unwrap();
        fs::write(folder.0.join("short.ttf"), &FONT[..200]).unwrap();
        fs::write(
            folder.0.join("text.otf"),
            "no font at all, but long enough to look like one".repeat(9),
        )
        .unwrap();
        fs::write(
            folder.0.join("collection.ttc"),
            b"ttcf\0\x01\0\0\0\0\0\x01\xff\xff\xff\xff\0\0",
        )
        .unwrap();
        fs::write(folder.0.join("read me.txt"), FONT).unwrap();
        assert_eq!(folder.fonts().candidates().len(), 4);
        assert_eq!(folder.fonts().missing().len(), 4);
    }

    #[test]
    fn plain_fonts_of_our_family_come_first() {
        let sorted = [
            "NotoSansCJK-Regular.ttc",
            "NotoSansMonoCJK-Regular.ttc",
            "NotoSerifCJK-Bold.ttc",
            "DejaVuSans.ttf",
            "DejaVuSansMono-BoldOblique.ttf",
        ];
        let ranks: Vec<_> = sorted.iter().map(|name| rank(Path::new(name)).unwrap()).collect();
        assert!(ranks.is_sorted(), "{ranks:?}");
        assert_eq!(rank(Path::new("fonts.dir")), None);
        assert_eq!(rank(Path::new("ttf")), None);
    }
}
