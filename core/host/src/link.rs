use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, recvfrom, sendto};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd};
use tidemill_seam::{Link, Received, RecvError, SendError};

/// UDP datagrams over a non-blocking socket.
///
/// An ICMP error that comes back for an earlier datagram is the loss of that datagram, never an error of the call
/// that happens to hear of it.
#[derive(Debug)]
pub struct UdpLink {
    socket: UdpSocket,
}

impl UdpLink {
    /// What fits an Ethernet frame of 1,500 bytes behind the headers of IPv4 (20) and UDP (8), so nothing is
    /// fragmented on the way.
    pub const MTU: usize = 1_472;

    /// A link at a free port of 127.0.0.1.
    pub fn loopback() -> io::Result<Self> {
        Self::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
    }

    /// A link at `address`; port 0 takes a free one.
    pub fn bind(address: SocketAddr) -> io::Result<Self> {
        let socket = UdpSocket::bind(address)?;
        socket.set_nonblocking(true)?;
        Ok(Self { socket })
    }

    /// Where others send to reach this link.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }
}

impl AsFd for UdpLink {
    /// The socket, for a [`PollNotify`](crate::PollNotify) to watch.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// Errors of an earlier datagram that the kernel reports at the next call on the socket.
fn is_old_loss(error: Errno) -> bool {
    matches!(error, Errno::CONNREFUSED | Errno::CONNRESET | Errno::HOSTDOWN | Errno::NOPROTOOPT)
}

impl Link for UdpLink {
    type Address = SocketAddr;

    fn mtu(&self) -> usize {
        Self::MTU
    }

    fn send(&mut self, to: SocketAddr, datagram: &[u8]) -> Result<(), SendError> {
        if datagram.len() > Self::MTU {
            return Err(SendError::TooLarge { mtu: Self::MTU });
        }
        loop {
            match sendto(&self.socket, datagram, SendFlags::empty(), &to) {
                Ok(_) => return Ok(()),
                Err(Errno::INTR) => {}
                Err(error) if is_old_loss(error) => {}
                Err(Errno::AGAIN | Errno::NOBUFS) => return Err(SendError::Busy),
                // A packet filter's refusal is silent loss to everyone else, so it is to us.
                Err(Errno::PERM) => return Ok(()),
                Err(Errno::BADF | Errno::NOTSOCK) => return Err(SendError::Closed),
                Err(_) => return Err(SendError::Unroutable),
            }
        }
    }

    fn recv(&mut self, buffer: &mut [u8]) -> Result<Option<Received<SocketAddr>>, RecvError> {
        loop {
            match recvfrom(&self.socket, &mut *buffer, RecvFlags::TRUNC) {
                Ok((_, len, _)) if len > buffer.len() => return Err(RecvError::Truncated),
                Ok((_, len, from)) => {
                    let from = from.and_then(|from| SocketAddr::try_from(from).ok());
                    // A sender without an internet address cannot reach a UDP socket.
                    let from = from.ok_or(RecvError::Closed)?;
                    return Ok(Some(Received { len, from }));
                }
                Err(Errno::AGAIN) => return Ok(None),
                Err(Errno::INTR) => {}
                Err(error) if is_old_loss(error) => {}
                Err(Errno::NOBUFS | Errno::NOMEM | Errno::HOSTUNREACH | Errno::NETUNREACH) => {
                    return Ok(None);
                }
                Err(_) => return Err(RecvError::Closed),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::UdpLink;
    use crate::{MonotonicClock, PollNotify};
    use std::net::SocketAddr;
    use tidemill_seam::{Clock, Duration, Link, Notify, Received, RecvError, SendError};

    fn pair() -> (UdpLink, UdpLink, SocketAddr) {
        let (a, b) = (UdpLink::loopback().expect("a port"), UdpLink::loopback().expect("a port"));
        let to_b = b.address().expect("a bound socket has an address");
        (a, b, to_b)
    }

    /// Sleeps until something arrives; an hour of silence means that loopback lost it.
    fn take(link: &mut UdpLink, buffer: &mut [u8]) -> Result<Received<SocketAddr>, RecvError> {
        let bell = PollNotify::new().expect("an epoll instance");
        bell.watch(&*link).expect("a socket can be watched");
        loop {
            let seen = bell.epoch();
            if let Some(received) = link.recv(buffer)? {
                return Ok(received);
            }
            let hour = MonotonicClock.now() + Duration::from_secs(3_600);
            assert_ne!(
                bell.wait(seen, Some(hour)),
                tidemill_seam::Woken::TimedOut,
                "loopback lost a datagram"
            );
        }
    }

    #[test]
    fn l1_l3_a_datagram_arrives_whole_with_its_boundary_and_sender() {
        let (mut a, mut b, to_b) = pair();
        let mut buffer = [0; 64];
        a.send(to_b, b"one").expect("sent");
        a.send(to_b, b"three").expect("sent");
        let first = take(&mut b, &mut buffer).expect("received");
        assert_eq!(&buffer[..first.len], b"one");
        assert_eq!(first.from, a.address().expect("bound"));
        let second = take(&mut b, &mut buffer).expect("received");
        assert_eq!(&buffer[..second.len], b"three");
    }

    #[test]
    fn l4_nothing_waiting_is_none_at_once() {
        let (_a, mut b, _) = pair();
        assert_eq!(b.recv(&mut [0; 8]), Ok(None));
    }

    #[test]
    fn l5_a_refused_send_has_no_effect() {
        let (mut a, mut b, to_b) = pair();
        let huge = vec![1; a.mtu() + 1];
        assert_eq!(a.send(to_b, &huge), Err(SendError::TooLarge { mtu: a.mtu() }));
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 0));
        assert_eq!(a.send(nowhere, b"x"), Err(SendError::Unroutable));
        let other_family: SocketAddr = "[::1]:9".parse().expect("an address");
        assert_eq!(a.send(other_family, b"x"), Err(SendError::Unroutable));
        a.send(to_b, b"after").expect("sent");
        let mut buffer = vec![0; a.mtu()];
        let received = take(&mut b, &mut buffer).expect("received");
        assert_eq!(&buffer[..received.len], b"after");
    }

    #[test]
    fn l6_a_full_datagram_and_an_empty_one_are_carried() {
        let (mut a, mut b, to_b) = pair();
        let full: Vec<u8> = (0..a.mtu()).map(|i| i as u8).collect();
        let mut buffer = vec![0; a.mtu()];
        a.send(to_b, &full).expect("sent");
        let received = take(&mut b, &mut buffer).expect("received");
        assert_eq!(&buffer[..received.len], &full[..]);
        a.send(to_b, &[]).expect("sent");
        assert_eq!(take(&mut b, &mut buffer).map(|received| received.len), Ok(0));
    }

    #[test]
    fn a_datagram_longer_than_the_buffer_is_lost_and_said_so() {
        let (mut a, mut b, to_b) = pair();
        a.send(to_b, b"too long").expect("sent");
        a.send(to_b, b"fits").expect("sent");
        let mut buffer = [0; 4];
        assert_eq!(take(&mut b, &mut buffer), Err(RecvError::Truncated));
        assert_eq!(take(&mut b, &mut buffer).map(|received| received.len), Ok(4));
        assert_eq!(&buffer, b"fits");
    }

    #[test]
    fn l2_a_datagram_to_a_port_without_a_reader_is_lost_not_an_error() {
        let (mut a, b, to_b) = pair();
        drop(b);
        for _ in 0..8 {
            assert_eq!(a.send(to_b, b"anyone?"), Ok(()));
            assert_eq!(a.recv(&mut [0; 8]), Ok(None));
        }
    }
}
