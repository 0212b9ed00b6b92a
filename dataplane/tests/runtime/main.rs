//! What the data plane relies on in monoio and in its own sockets, on both drivers.
//!
//! Each test runs once on io_uring and once on epoll, each time on a thread of its own, against
//! real sockets. When a new version of the runtime behaves differently, these tests say so first.
//! `TOLLGATE_DRIVER=epoll` leaves the ring out, for kernels that forbid it.

#[cfg(test)]
mod harness;
#[cfg(test)]
mod passage;
#[cfg(test)]
mod sockets;
#[cfg(test)]
mod tasks;
#[cfg(test)]
mod tls;
#[cfg(test)]
mod upstream;
