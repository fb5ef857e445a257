//! A mail server that keeps what it is given, and can be away or refuse.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use anyhow::{Context, Result};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    task::{JoinHandle, JoinSet},
};

use crate::{background::background, ports::free_port};

const STARTS: u32 = 4;

/// A running mail server.
#[derive(Debug)]
pub struct MailServer {
    port: u16,
    serving: Mutex<Option<JoinHandle<()>>>,
    state: Arc<Mutex<State>>,
}

/// A mail as it came.
#[derive(Debug, Clone)]
pub struct Received {
    pub from: String,
    pub to: Vec<String>,
    /// Headers, an empty line, the body, as it stood on the wire.
    pub text: String,
}

#[derive(Debug, Default)]
struct State {
    mails: Vec<Received>,
    logins: Vec<String>,
    refused: Option<(String, String)>,
    pause: Duration,
}

impl MailServer {
    pub(crate) async fn start() -> Result<Self> {
        let mut started = Self::try_start().await;
        for _ in 1..STARTS {
            if started.is_ok() {
                break;
            }
            started = Self::try_start().await;
        }
        started.context("failed to start a mail server")
    }

    async fn try_start() -> Result<Self> {
        let server = Self {
            port: free_port(),
            serving: Mutex::default(),
            state: Arc::default(),
        };
        server.listen().await?;
        Ok(server)
    }

    /// What `HOLDFAST_SMTP_URL` is set to, with a user `holdfast` and a password `secret`.
    pub fn url(&self) -> String {
        format!("smtp://holdfast:secret@127.0.0.1:{}", self.port)
    }

    /// Everything it has taken so far.
    pub fn mails(&self) -> Vec<Received> {
        self.state().mails.clone()
    }

    /// What clients have said to log in.
    pub fn logins(&self) -> Vec<String> {
        self.state().logins.clone()
    }

    /// Answers this to who names the recipient: `550 no such user`.
    pub fn refuse(&self, recipient: &str, answer: &str) {
        self.state().refused = Some((recipient.to_owned(), answer.to_owned()));
    }

    /// Takes so long for each mail.
    pub fn pause(&self, pause: Duration) {
        self.state().pause = pause;
    }

    /// Breaks every connection off and takes no more.
    pub async fn stop(&self) {
        let serving = self.serving().take();
        if let Some(serving) = serving {
            serving.abort();
            serving.await.ok();
        }
    }

    /// Listens again on the same port.
    pub async fn start_again(&self) {
        let listening = self.listen().await;
        listening.expect("its port is still its own");
    }

    async fn listen(&self) -> Result<()> {
        let (port, state) = (self.port, Arc::clone(&self.state));
        // The runtime of the test may be busy with the test.
        let listener = background().spawn(TcpListener::bind(("127.0.0.1", port)));
        let listener = listener.await??;
        let serving = background().spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(serve(stream, Arc::clone(&state)));
            }
        });
        *self.serving() = Some(serving);
        Ok(())
    }

    fn serving(&self) -> MutexGuard<'_, Option<JoinHandle<()>>> {
        self.serving.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

impl Drop for MailServer {
    fn drop(&mut self) {
        if let Some(serving) = self.serving().take() {
            serving.abort();
        }
    }
}

impl Received {
    /// The value of a header, with its folded lines.
    pub fn header(&self, name: &str) -> Option<String> {
        header(&self.text, name)
    }

    /// The body as its author typed it.
    pub fn body(&self) -> String {
        body(&self.text)
    }
}

/// The value of a header of a mail, with its folded lines.
pub fn header(mail: &str, name: &str) -> Option<String> {
    let (head, _) = mail.split_once("\r\n\r\n")?;
    let unfolded = head.replace("\r\n ", " ");
    let value = unfolded
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    value.map(str::to_owned)
}

/// The body of a mail as its author typed it, of the encodings that a text of mostly Latin letters has.
pub fn body(mail: &str) -> String {
    let (_, body) = mail.split_once("\r\n\r\n").unwrap_or_default();
    if header(mail, "Content-Transfer-Encoding").as_deref() != Some("quoted-printable") {
        return body.to_owned();
    }
    let joined = body.replace("=\r\n", "");
    let mut bytes = Vec::new();
    let mut rest = joined.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let escaped = (byte == b'=').then(|| after.get(..2)).flatten();
        let escaped = escaped.and_then(|hex| std::str::from_utf8(hex).ok());
        let escaped = escaped.and_then(|hex| u8::from_str_radix(hex, 16).ok());
        bytes.push(escaped.unwrap_or(byte));
        rest = escaped.map_or(after, |_| &after[2..]);
    }
    String::from_utf8(bytes).expect("texts are UTF-8")
}

async fn serve(stream: TcpStream, state: Arc<Mutex<State>>) -> Result<()> {
    let (reader, mut writer) = stream.into_split();
    let mut lines = BufReader::new(reader).lines();
    let mut mail = None;
    writer.write_all(b"220 mail.example ESMTP\r\n").await?;
    while let Some(line) = lines.next_line().await? {
        let answer = if line == "DATA" {
            writer.write_all(b"354 go on\r\n").await?;
            let mut text = String::new();
            while let Some(line) = lines.next_line().await?
                && line != "."
            {
                text += line.strip_prefix('.').unwrap_or(&line);
                text += "\r\n";
            }
            let pause = lock(&state).pause;
            tokio::time::sleep(pause).await;
            let given: Option<Received> = mail.take();
            let given = given.map(|mail| Received { text, ..mail });
            lock(&state).mails.extend(given);
            "250 taken".to_owned()
        } else {
            answer(&line, &mut mail, &state)
        };
        writer.write_all(format!("{answer}\r\n").as_bytes()).await?;
    }
    Ok(())
}

fn answer(line: &str, mail: &mut Option<Received>, state: &Mutex<State>) -> String {
    let address = |line: &str| {
        let (_, rest) = line.split_once('<').unwrap_or_default();
        rest.split('>').next().unwrap_or_default().to_owned()
    };
    let word = line.split([' ', ':']).next().unwrap_or_default();
    match word {
        "EHLO" => return "250-mail.example\r\n250-8BITMIME\r\n250 AUTH PLAIN".to_owned(),
        "AUTH" => {
            lock(state).logins.push(line.to_owned());
            return "235 welcome".to_owned();
        }
        "MAIL" => {
            *mail = Some(Received {
                from: address(line),
                to: Vec::new(),
                text: String::new(),
            });
        }
        "RCPT" => {
            let to = address(line);
            if let Some((_, answer)) = lock(state).refused.clone().filter(|(who, _)| *who == to) {
                return answer;
            }
            if let Some(mail) = mail {
                mail.to.push(to);
            }
        }
        "RSET" => *mail = None,
        "QUIT" => return "221 goodbye".to_owned(),
        _ => {}
    }
    "250 fine".to_owned()
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
