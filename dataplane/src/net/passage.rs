//! A connection on its way to another core's runtime.
//!
//! The runtime keeps the descriptors it was given, so the kernel is asked for another one of the
//! same connection: it is sent to ourselves over a socket pair. Invariants: only a connection on
//! which nothing is under way is taken apart, so no byte is lost and none comes twice; what was
//! decrypted or half received goes along.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::net::TcpStream;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;

use nix::sys::socket::{ControlMessage, MsgFlags, sendmsg};
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};

use super::tls::Packed;

/// A connection that belongs to no runtime.
pub struct Detached {
    pub(super) stream: TcpStream,
    pub(super) cover: Option<Box<Packed>>,
}

/// Another descriptor of a connection.
pub(super) fn twin(descriptor: RawFd) -> io::Result<OwnedFd> {
    let (here, there) = UnixStream::pair()?;
    let sent = [IoSlice::new(&[0])];
    let rights = [ControlMessage::ScmRights(&[descriptor])];
    sendmsg::<()>(here.as_raw_fd(), &sent, &rights, MsgFlags::empty(), None)?;
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut received = RecvAncillaryBuffer::new(&mut space);
    let mut byte = [0];
    recvmsg(&there, &mut [IoSliceMut::new(&mut byte)], &mut received, RecvFlags::CMSG_CLOEXEC)?;
    let descriptors = received.drain().filter_map(|message| match message {
        RecvAncillaryMessage::ScmRights(descriptors) => Some(descriptors),
        _ => None,
    });
    let found = descriptors.flatten().next();
    found.ok_or_else(|| io::Error::other("the kernel gave no descriptor"))
}
