//! Connections that end when nothing has come or gone for a while.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

/// A connection that looks as if the other side had closed it once it was idle for too long.
pub struct IdleStream<S> {
    stream: S,
    most: Duration,
    last: Instant,
    /// Set once and looked at when it is over: moving it each time costs more than a look at the clock.
    alarm: Pin<Box<Sleep>>,
}

impl<S> IdleStream<S> {
    /// That may be idle for so long.
    pub fn new(stream: S, most: Duration) -> Self {
        Self {
            stream,
            most,
            last: Instant::now(),
            alarm: Box::pin(sleep(most)),
        }
    }

    /// Ready once nothing has come or gone for too long.
    fn poll_idle(&mut self, context: &mut Context<'_>) -> Poll<()> {
        loop {
            ready!(self.alarm.as_mut().poll(context));
            let end = self.last + self.most;
            if end <= Instant::now() {
                return Poll::Ready(());
            }
            self.alarm.as_mut().reset(end);
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for IdleStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match Pin::new(&mut self.stream).poll_read(context, buffer) {
            Poll::Pending => self.poll_idle(context).map(Ok),
            ready @ Poll::Ready(_) => {
                self.last = Instant::now();
                ready
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for IdleStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.last = Instant::now();
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    #[tokio::test(start_paused = true)]
    async fn it_ends_when_it_was_idle_for_too_long_and_not_before() {
        let (mut far, near) = duplex(64);
        let mut near = IdleStream::new(near, Duration::from_secs(75));
        let mut byte = [0];
        for _ in 0..3 {
            sleep(Duration::from_secs(50)).await;
            far.write_all(b"?").await.unwrap();
            assert_eq!(near.read(&mut byte).await.unwrap(), 1);
        }
        sleep(Duration::from_secs(50)).await;
        near.write_all(b"!").await.unwrap();
        let since = Instant::now();
        assert_eq!(near.read(&mut byte).await.unwrap(), 0);
        assert_eq!(since.elapsed().as_secs(), 75);
    }
}
