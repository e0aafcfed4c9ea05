//! The socket of a client, which ends the connection of a client that keeps it waiting.

use super::{
    connection::{Connection, OpenConnection},
    connections::End,
    refusal::EarlyRefusal,
    socket::ClientSocket,
};
use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, ready},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Instant, Sleep, sleep_until},
};

/// A timer that is made when it is needed first. Set again it costs nothing while it is due earlier: it then wakes its
/// task too early, which sets it again.
#[derive(Debug, Default)]
struct Timer(Option<Pin<Box<Sleep>>>);

impl Timer {
    /// Ready when the time has come.
    fn poll_until(&mut self, deadline: Instant, cx: &mut Context<'_>) -> Poll<()> {
        let sleep = self.0.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        if sleep.is_elapsed() || sleep.deadline() > deadline {
            sleep.as_mut().reset(deadline);
        }
        sleep.as_mut().poll(cx)
    }
}

#[derive(Debug)]
pub(super) struct GuardedStream {
    stream: ClientSocket,
    connection: OpenConnection,
    read_timer: Timer,
    write_timer: Timer,
    /// When what waits to be written must be written; `None` while nothing waits.
    write_deadline: Option<Instant>,
    /// What is written in place of an answer that actix-http has made by itself.
    refusal: Option<EarlyRefusal>,
}

impl GuardedStream {
    pub(super) fn new(stream: ClientSocket, connection: OpenConnection) -> Self {
        let (read_timer, write_timer) = (Timer::default(), Timer::default());
        Self { stream, connection, read_timer, write_timer, write_deadline: None, refusal: None }
    }

    pub(super) fn connection(&self) -> Rc<Connection> {
        self.connection.shared()
    }

    pub(super) fn peer(&self) -> Option<SocketAddr> {
        self.stream.peer()
    }

    /// Ready with an error when the client has not sent what is waited for.
    fn poll_silence(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            match self.connection.read_deadline(Instant::now()) {
                Err(_) => return Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
                Ok(None) => return Poll::Pending,
                Ok(Some(deadline)) => ready!(self.read_timer.poll_until(deadline, cx)),
            }
        }
    }

    /// Ready with an error when the client has not read the pending bytes.
    fn poll_stall(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        let patience = self.connection.write_patience();
        let deadline = *self.write_deadline.get_or_insert_with(|| Instant::now() + patience);
        while Instant::now() < deadline {
            ready!(self.write_timer.poll_until(deadline, cx));
        }
        self.connection.ends(End::AnswerTimeout);
        self.stream.drop_unsent();
        Poll::Ready(io::ErrorKind::TimedOut.into())
    }
}

impl AsyncRead for GuardedStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        match Pin::new(&mut self.stream).poll_read(cx, buffer) {
            Poll::Ready(Ok(())) if buffer.filled().len() > before => {
                self.connection.received();
                // A client that sends without an end, such as a body that no handler reads, never leaves it pending.
                self.connection.read_deadline(Instant::now()).map_err(|_| io::ErrorKind::TimedOut)?;
                Poll::Ready(Ok(()))
            }
            Poll::Pending => self.poll_silence(cx),
            ended => {
                self.connection.client_ends();
                ended
            }
        }
    }
}

impl AsyncWrite for GuardedStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.refusal.is_none() {
            self.refusal = EarlyRefusal::in_place_of(bytes, self.connection.problem_types());
            if let Some(refusal) = &self.refusal {
                self.connection.refuses(refusal.request_id);
            }
        }
        let Self { stream, refusal, .. } = &mut *self;
        while let Some(refused) = refusal {
            match Pin::new(&mut *stream).poll_write(cx, refused.rest()) {
                Poll::Pending => return self.poll_stall(cx).map(Err),
                Poll::Ready(Ok(written)) if written > 0 => refused.advance(written),
                ended => return ended,
            }
            if refused.rest().is_empty() {
                *refusal = None;
                return Poll::Ready(Ok(bytes.len()));
            }
        }
        match Pin::new(stream).poll_write(cx, bytes) {
            Poll::Pending => self.poll_stall(cx).map(Err),
            written => written,
        }
    }

    /// actix-http flushes when all that it had to write is written.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match Pin::new(&mut self.stream).poll_flush(cx) {
            // TLS keeps what the system does not take.
            Poll::Pending => self.poll_stall(cx).map(Err),
            flushed => {
                self.write_deadline = None;
                flushed
            }
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
