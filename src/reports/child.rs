//! The child process that makes a PDF. A document that is expensive to set, or makes the code that sets it fail, ends it and not the
//! server; it sees nothing of the server but the document.

use std::{
    ffi::OsString,
    io,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    sync::Arc,
    time::Duration,
};

use colloquy_report::Document;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _},
    process::{Child, Command},
    sync::Semaphore,
    time::{Instant, timeout_at},
};

/// Time for a report, with its wait for a place.
const TIME_MAX: Duration = Duration::from_mins(1);

/// Reports that are made at once: each computes all the time.
const CHILDREN_MAX: usize = 2;

/// Bytes of a PDF.
const PDF_BYTES_MAX: u64 = 100 << 20;

/// Bytes of what a child says of its failure.
const WORDS_BYTES_MAX: u64 = 2_000;

/// The running program, also when another version lies in its place by now.
const THIS_PROGRAM: &str = "/proc/self/exe";

/// Makes PDFs, a few at once. Clones are one.
#[derive(Debug, Clone)]
pub struct Renderer {
    program: PathBuf,
    arguments: Vec<OsString>,
    time_max: Duration,
    places: Arc<Semaphore>,
}

/// Why there is no PDF.
#[derive(Debug, thiserror::Error)]
pub enum ChildError {
    #[error("the document can't be written")]
    Document(#[from] serde_json::Error),
    #[error("the program that makes reports can't be run")]
    Run(#[from] io::Error),
    #[error("it took too long")]
    TooSlow,
    #[error("it has more than {PDF_BYTES_MAX} bytes")]
    TooLarge,
    #[error("the program that makes reports ended with {status}: {words}")]
    Failed { status: ExitStatus, words: String },
}

impl Renderer {
    /// What this program makes itself: `colloquy render`.
    pub fn of_this_program() -> io::Result<Self> {
        let this = Path::new(THIS_PROGRAM);
        let program = if this.exists() {
            this.to_owned()
        } else {
            std::env::current_exe()?
        };
        Ok(Self::new(program, ["render"]))
    }

    /// What another program makes of a document at its stdin.
    pub fn new<A: Into<OsString>>(program: PathBuf, arguments: impl IntoIterator<Item = A>) -> Self {
        Self {
            program,
            arguments: arguments.into_iter().map(Into::into).collect(),
            time_max: TIME_MAX,
            places: Arc::new(Semaphore::new(CHILDREN_MAX)),
        }
    }

    /// The same with another limit of time.
    #[must_use]
    pub fn within(self, time_max: Duration) -> Self {
        Self { time_max, ..self }
    }

    /// The PDF of a document. When the caller stops waiting, the child is killed.
    pub async fn render(&self, document: &Document) -> Result<Vec<u8>, ChildError> {
        let deadline = Instant::now() + self.time_max;
        let Ok(Ok(_place)) = timeout_at(deadline, self.places.acquire()).await else {
            return Err(ChildError::TooSlow);
        };
        let text = serde_json::to_vec(document)?;
        let mut child = self.spawn()?;
        let answered = timeout_at(deadline, answer(&mut child, &text)).await;
        let answered = answered.unwrap_or(Err(ChildError::TooSlow));
        if answered.is_err() {
            // It may have ended by itself.
            let _ = child.kill().await;
        }
        answered
    }

    fn spawn(&self) -> io::Result<Child> {
        Command::new(&self.program)
            .args(&self.arguments)
            // The settings of the server, secrets among them, may stand there.
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // What somebody types at the server's terminal is for the server.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
    }
}

/// What a child makes of a text.
async fn answer(child: &mut Child, text: &[u8]) -> Result<Vec<u8>, ChildError> {
    let missing = || io::Error::other("a pipe is missing");
    let mut input = child.stdin.take().ok_or_else(missing)?;
    let output = child.stdout.take().ok_or_else(missing)?;
    let errors = child.stderr.take().ok_or_else(missing)?;
    let hand_over = async move {
        // Who does not read to the end says why.
        let _ = input.write_all(text).await;
        drop(input);
    };
    let ((), pdf, words) = tokio::join!(hand_over, read(output, PDF_BYTES_MAX + 1), read_words(errors));
    let pdf = pdf?;
    if pdf.len() as u64 > PDF_BYTES_MAX {
        return Err(ChildError::TooLarge);
    }
    let status = child.wait().await?;
    if status.success() && pdf.starts_with(b"%PDF-") {
        Ok(pdf)
    } else {
        Err(ChildError::Failed { status, words })
    }
}

async fn read(from: impl AsyncRead + Unpin, bytes_max: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(bytes_max).read_to_end(&mut bytes).await?;
    Ok(bytes)
}

/// The first words, on one line. What comes after them is read and forgotten, so that nobody waits to say it.
async fn read_words(mut from: impl AsyncRead + Unpin) -> String {
    let words = read(&mut from, WORDS_BYTES_MAX).await.unwrap_or_default();
    let _ = tokio::io::copy(&mut from, &mut tokio::io::sink()).await;
    let words = String::from_utf8_lossy(&words);
    let words: Vec<_> = words.split_whitespace().collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;

    fn document() -> Document {
        super::super::empty("Report", DateTime::UNIX_EPOCH)
    }

    /// What a shell makes of a document.
    fn shell(script: &str) -> Renderer {
        Renderer::new("/bin/sh".into(), ["-c", script])
    }

    #[tokio::test]
    async fn what_the_child_writes_is_the_pdf() {
        let pdf = shell("read -r text; printf '%%PDF-%s' \"$text\"")
            .render(&document())
            .await;
        let text = serde_json::to_string(&document()).unwrap();
        assert_eq!(pdf.unwrap(), format!("%PDF-{text}").into_bytes());
    }

    #[tokio::test]
    async fn the_child_has_no_variables() {
        let pdf = shell("printf '%%PDF-'; /usr/bin/env | grep -c COLLOQUY; true")
            .render(&document())
            .await;
        assert_eq!(pdf.unwrap(), b"%PDF-0\n");
    }

    #[tokio::test]
    async fn a_failure_is_told_with_its_words() {
        for (script, expected) in [
            (
                "printf '%%PDF-'; printf 'no\\nmemory' >&2; exit 3",
                "ended with exit status: 3: no memory",
            ),
            ("printf 'text'", "ended with exit status: 0: "),
            ("kill -9 $$", "ended with signal: 9 (SIGKILL): "),
        ] {
            let error = shell(script).render(&document()).await.unwrap_err();
            assert!(error.to_string().ends_with(expected), "{error}");
        }
        let error = Renderer::new("/no/program".into(), ["x"])
            .render(&document())
            .await;
        assert!(matches!(error, Err(ChildError::Run(_))));
    }

    #[tokio::test]
    async fn a_child_that_takes_too_long_is_killed() {
        let folder = tempfile::tempdir().unwrap();
        let pid = folder.path().join("pid");
        let script = format!("echo $$ >{}; exec sleep 600", pid.display());
        let renderer = shell(&script).within(Duration::from_secs(2));
        assert!(matches!(
            renderer.render(&document()).await,
            Err(ChildError::TooSlow)
        ));
        let pid = std::fs::read_to_string(pid).unwrap();
        assert!(!Path::new("/proc").join(pid.trim()).exists());
    }

    #[tokio::test]
    async fn what_comes_without_end_is_cut_off() {
        let renderer = shell("exec cat /dev/zero").within(Duration::from_secs(30));
        assert!(matches!(
            renderer.render(&document()).await,
            Err(ChildError::TooLarge)
        ));
        let renderer = shell("exec cat /dev/zero >&2").within(Duration::from_secs(1));
        assert!(matches!(
            renderer.render(&document()).await,
            Err(ChildError::TooSlow)
        ));
    }
}
